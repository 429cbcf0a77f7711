#!/usr/bin/env python3
"""A small wachat client: Python's standard library and the two ports, nothing else.

    wachat serve
    python3 examples/client.py ana luis        (asks for the password; or WACHAT_PASSWORD)

A line you type goes to whom you write to: at first luis. /to NAME writes to somebody else,
/history shows the last messages with them, /chats, /users, /status N ask the server, /quit ends.
"""
import argparse, csv, getpass, os, secrets, socket, sys, threading, time

class Refused(Exception):
    """A KO: it did not happen."""

def field(text):
    """A text as a field of a record: without raw line breaks, quoted if it needs to be."""
    text = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return '"' + text.replace('"', '""') + '"' if ";" in text or text.startswith('"') else text

def fields(record):
    """Escapes stay as they are: whatever somebody wrote, it cannot play with this terminal."""
    return next(csv.reader([record], delimiter=";"), [])

class Connection:
    """One connection to either port, logged in."""

    def __init__(self, address, user, password):
        # Longer than the server lets a poll wait; without it a dead network is waited for for ever.
        self.socket = socket.create_connection(address, timeout=20)
        self.lines = self.socket.makefile("r", encoding="utf-8", newline="\n")
        self.hello = self.ask(f"LOGIN:{user}:{password}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lines.close()
        self.socket.close()

    def line(self):
        line = self.lines.readline()
        if not line.endswith("\n"):
            raise ConnectionError("the server has closed")  # half a line is no line
        return line[:-1]

    def ask(self, request):
        """One request; the fields of its reply after OK."""
        self.socket.sendall((request + "\n").encode())
        reply = fields(self.line())
        if reply[0] == "KO":
            # These say nothing about what was asked. Any other KO says that it did not happen.
            silence = reply[1] in ("TIMEOUT", "SHUTDOWN", "INTERNAL")
            raise (ConnectionError if silence else Refused)(": ".join(reply[1:]))
        return reply[1:]

    def list(self, request):
        return [self.line() for _ in range(int(self.ask(request)[0]))]

class Client:
    def __init__(self, options, password):
        self.user, self.password, self.to = options.user, password, options.to
        self.send_port = (options.server, options.send_port)
        self.recv_port = (options.server, options.recv_port)
        self.home = options.home

    def command(self, request):
        """The classic way: a short connection for every command."""
        with Connection(self.send_port, self.user, self.password) as connection:
            return connection.list(request)

    def send(self, text):
        # Chosen once, before the first try: asking again with the same id never sends twice.
        request = f"SEND;{secrets.token_hex(12)};{self.to};{field(text)}"
        while True:
            try:
                with Connection(self.send_port, self.user, self.password) as connection:
                    _, state, at, number = connection.ask(request)[:4]
                return print(f"* {number} {state}")
            except Refused as ko:
                # Of these three the protocol says: try later. Nothing else will ever succeed.
                if str(ko).split(":")[0] not in ("QUOTA", "RATE", "FULL"):
                    return print(f"* not sent: {ko}")
                print(f"* will try again: {ko}")
            except OSError as silence:
                print(f"* no answer, will ask again: {silence}")  # nobody knows whether it happened
            time.sleep(1)

    def receive(self):
        """Polls for ever. A KO ends it: insisting after REPLACED would be a fight with another client."""
        while True:
            try:
                with Connection(self.recv_port, self.user, self.password) as connection:
                    self.poll(connection)
            except Refused as ko:
                if not str(ko).startswith("FULL"):
                    return print(f"* nothing is received any more: {ko}")
            except OSError as broken:
                print(f"* will connect again: {broken}")
            time.sleep(1)

    def poll(self, connection):
        # Numbers belong to a store. One restored from a backup has another name, and so another file
        # here, which begins with what that store knows to be acknowledged.
        acknowledged, store = connection.hello[2:4]
        with open(os.path.join(self.home, f"{self.user}-{store}.csv"), "a+", encoding="utf-8", newline="\n") as kept:
            after = max(last_number(kept), int(acknowledged))
            while True:
                events = connection.list(f"POLL;{after}")
                numbered = [event for event in events if not event.startswith("0;")]
                # Stored, and on the disk, before the next poll acknowledges it. The number is in the
                # record: whatever is cut short, nothing is kept twice and nothing is lost.
                kept.writelines(event + "\n" for event in numbered)
                kept.flush()
                os.fsync(kept.fileno())
                after = int(fields(numbered[-1])[0]) if numbered else after
                for event in events:
                    self.show(fields(event))

    def show(self, event):
        number, kind, *rest = event
        if kind == "MSG":
            identity, sender, to, at, text = rest[:5]
            print(f"{number} {at[11:16]} {sender}: {text}")
            self.command_quietly(f"READ;{sender if to[0] != '#' else to};{number}")
        elif kind == "STATE":
            print(f"* {rest[0]} up to {rest[2]}: {rest[1]}")
        else:  # of kinds that are not known, too
            print("*", kind.lower(), *rest[:-1])

    def command_quietly(self, request):
        """For what is not worth a word when it fails: the next READ covers this one."""
        try:
            with Connection(self.send_port, self.user, self.password) as connection:
                connection.ask(request)
        except (OSError, Refused):
            pass

    def obey(self, line):
        verb, _, rest = line.partition(" ")
        requests = {"/history": f"HISTORY;{self.to};20", "/chats": "CHATS", "/users": "USERS", "/status": f"STATUS;{self.to};{rest}"}
        if verb == "/to":
            self.to = rest.strip()
        elif verb in requests:
            print(*self.command(requests[verb]), sep="\n")
        elif line.startswith("/") and not line.startswith("/me "):
            print("* /to NAME, /history, /chats, /users, /status N, /quit")
        elif line:
            self.send(line)

def last_number(kept):
    """The number of the last whole record; a line cut short by a crash is taken away."""
    kept.seek(0)
    text = kept.read()
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        kept.truncate(len(whole.encode()))
    return int(whole[:-1].split("\n")[-1].split(";")[0]) if whole else 0

def register(options, password):
    """An account for who has none; for who has one a word is enough."""
    with socket.create_connection((options.server, options.send_port), timeout=20) as connection:
        connection.sendall(f"REGISTER:{options.user}:{password}\n".encode())
        reply = connection.makefile("r", encoding="utf-8", newline="\n").readline()
        if reply.startswith("KO;") and not reply.startswith(("KO;EXISTS;", "KO;CLOSED;")):
            sys.exit(f"* {reply.strip()}")

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("user")
    parser.add_argument("to", help="whom to write to")
    parser.add_argument("--server", default="127.0.0.1")
    parser.add_argument("--send-port", type=int, default=1666)
    parser.add_argument("--recv-port", type=int, default=1999)
    parser.add_argument("--home", default=".", help="directory of the received messages")
    options = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    password = os.environ.get("WACHAT_PASSWORD") or getpass.getpass()
    client = Client(options, password)
    try:
        register(options, password)
        client.command("CHATS")  # the password is right, or we say so at once
        threading.Thread(target=client.receive, daemon=True).start()
        for line in sys.stdin:
            if line.strip() == "/quit":
                break
            try:
                client.obey(line.rstrip("\n"))
            except Refused as ko:
                print(f"* {ko}")
    except (OSError, Refused) as error:
        sys.exit(f"* {error}")
    except KeyboardInterrupt:
        pass

if __name__ == "__main__":
    main()
