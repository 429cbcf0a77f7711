#!/usr/bin/env python3
"""A client of the wachat protocol (src/protocol/protocol.md), with Python's standard library only.

    WACHAT_USER=ana WACHAT_PASSWORD='palabra larga' python3 client.py

A line `@luis: hola` on standard input is a message to luis, `@#sala: hola` one to a room. What arrives is printed,
one line a message. At the end of its input the program ends once each message has its OK.
"""
import os, secrets, socket, sys, threading, time, unicodedata

HOST = os.environ.get("WACHAT_SERVER", "127.0.0.1")
SEND_PORT = int(os.environ.get("WACHAT_SEND_PORT", "1666"))
RECV_PORT = int(os.environ.get("WACHAT_RECV_PORT", "1999"))
USER, PASSWORD = os.environ["WACHAT_USER"], os.environ["WACHAT_PASSWORD"]
NOTES = os.path.join(os.environ.get("WACHAT_HOME", "."), f"{USER}.notes")

TIMEOUT = 10  # seconds without a byte after which a connection counts as lost
WAIT = 5  # seconds that a POLL waits for an event; less than TIMEOUT
LATER = {"QUOTA", "RATE", "FULL", "TIMEOUT", "SHUTDOWN", "INTERNAL"}  # a retry may succeed (section 4)
ENDED = {"AUTH", "BANNED", "REPLACED"}  # the program ends, and what has no reply waits for its next run (section 1)


class Lost(Exception):
    """No reply, or a KO after which a retry may succeed."""


class Refused(Exception):
    """Any other KO: the request had no effect, and a retry would get the same answer."""


# ---- Lines and records (section 2) ----

class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection((HOST, port), TIMEOUT)
        self.rest = b""  # bytes that have arrived and belong to the next lines

    def receive(self):
        """Waits for more bytes."""
        received = self.socket.recv(4096)
        if not received:
            raise Lost("the server has closed the connection")
        return received

    def next_line(self):
        """Returns the next line without its LF. An OSError or Lost: the connection is gone."""
        # TODO 1 (section 2, "The way in which TCP cuts or joins lines"): what one receive returns is not one line.
        #- return self.receive().decode().split("\n")[0]
        while b"\n" not in self.rest:
            self.rest += self.receive()
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode().removesuffix("\r")
        # END 1

    def ask(self, line):
        """Sends a line and returns the fields of its reply behind OK."""
        self.socket.sendall((line + "\n").encode())
        head, *rest = split(self.next_line())
        if head == "KO" and rest[0] in ENDED:
            give_up("; ".join(rest))
        if head == "KO":
            raise (Lost if rest[0] in LATER else Refused)("; ".join(rest))
        return rest

    def close(self):
        self.socket.close()


# TODO 2 (section 2, the grammar of `record`): fields with ; and " are quoted, \n \r \\ are escapes.
#- def split(line):
#-     """Returns the fields of a record."""
#-     return line.split(";")
#-
#-
#- def quote(field):
#-     """Writes a field as a record has it."""
#-     return field
def split(line):
    """Returns the fields of a record."""
    fields, state = [""], "start"  # of a field; then bare, or quoted, and closed after a quote that may be the last
    characters = iter(line)
    for c in characters:
        if state == "start" and c == '"':
            state = "quoted"
        elif state == "quoted" and c == '"':
            state = "closed"
        elif state != "quoted" and c == ";":
            fields.append("")
            state = "start"
        else:
            if c == "\\":
                c = next(characters, "")
                c = {"n": "\n", "r": "\r"}.get(c, c)
            fields[-1] += c
            if state == "closed":
                state = "quoted"  # it was the first of two quotes, which stand for one
            elif state == "start":
                state = "bare"
    return fields


def quote(field):
    """Writes a field as a record has it."""
    field = field.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    if ";" in field or field.startswith('"'):
        return '"' + field.replace('"', '""') + '"'
    return field
# END 2


# ---- What has to survive a kill: messages without an OK, and the last event that was shown ----

outbox = {}  # id: (to, text)
seen = {"store": "", "number": 0}
lock = threading.Lock()


def apply(fields):
    kind, *rest = fields
    if kind == "OUT":
        outbox[rest[0]] = (rest[1], rest[2])
    elif kind == "DONE":
        outbox.pop(rest[0], None)
    elif kind == "SEEN":
        seen.update(store=rest[0], number=int(rest[1]))


# TODO 6 (lab 6): the notes are records in the file NOTES, each durable before what depends on it.
#- def recall():
#-     """Reads the notes of the runs before this one."""
#-
#-
#- def note(*fields):
#-     """Writes a note and applies it."""
#-     apply(fields)
def recall():
    """Reads the notes of the runs before this one."""
    with open(NOTES, "ab+") as file:
        file.seek(0)
        whole = file.read().rpartition(b"\n")[0]
        for line in whole.decode().split("\n") if whole else []:
            apply(split(line))
        file.truncate(len(whole) + 1 if whole else 0)  # a kill may have left half a record


def note(*fields):
    """Writes a note and applies it."""
    with lock, open(NOTES, "ab") as file:
        file.write((";".join(map(quote, fields)) + "\n").encode())
        file.flush()
        os.fsync(file.fileno())
        apply(fields)
# END 6


# ---- Requests ----

def log_in(port):
    """Opens a connection and logs in. Returns the connection and the reply. A KO for good ends the program."""
    connection = Connection(port)
    # TODO 3 (section 3): the login line, and what its reply may be.
    #- connection.socket.sendall(f"LOGIN:{USER}:{PASSWORD}\n".encode())
    #- return connection, split(connection.next_line())[1:]
    try:
        return connection, connection.ask(f"LOGIN:{USER}:{PASSWORD}")
    except Refused as ko:
        give_up(f"not logged in: {ko}")
    # END 3


def request(line):
    """Sends one request on a connection of its own (section 1: the SEND port is for short connections)."""
    connection, _ = log_in(SEND_PORT)
    try:
        return connection.ask(line)
    finally:
        connection.close()


def retry(work):
    """Does a request, until there is an outcome: a result, or Refused."""
    # TODO 4 (section 4, "No reply means that the outcome is unknown"): the same again, after a pause that grows.
    #- return work()
    pause = 1
    while True:
        try:
            return work()
        except (Lost, OSError) as error:
            show(f"* trying again: {error}")
            time.sleep(pause)
            pause = min(2 * pause, 8)
    # END 4


def send(identity, to, text):
    """Sends a message; every attempt has the same id, so it is stored once. Returns False after a KO."""
    answer = None
    try:
        answer = retry(lambda: request(f"SEND;{identity};{quote(to)};{quote(text)}"))
    except Refused as ko:
        show(f"* not sent to {to}: {ko}")
    note("DONE", identity)
    return answer is not None


# ---- Events (sections 6 and 7) ----

def receive():
    """Polls on one connection until it is lost. Each POLL acknowledges what was shown."""
    connection, (_, _, acknowledged, store, *_) = log_in(RECV_PORT)
    try:
        if store != seen["store"]:  # its numbers are not ours
            note("SEEN", store, acknowledged)
        while True:
            (count, *_) = connection.ask(f"POLL;{seen['number']};{WAIT}")
            for _ in range(int(count)):
                take(split(connection.next_line()), store)
    finally:
        connection.close()


def take(event, store):
    """Takes one event: shows a message, says that it was read, and notes the number."""
    number, kind, *rest = event
    # TODO 5 (sections 5 to 7): each number once, READ for what was shown, and 0 is no number to note.
    #- if kind == "MSG":
    #-     show(f"{rest[1]}: {rest[4]}")
    #- note("SEEN", store, number)
    if int(number) != 0 and int(number) <= seen["number"]:
        return
    if kind == "MSG":
        _, sender, target, when, text, *_ = rest
        is_room = target.startswith("#")
        show(f"{when[11:16]} {target + ' ' if is_room else ''}{sender}: {text}")
    elif kind == "STATE":
        show(f"* {rest[0]}: {rest[1]} up to {rest[2]}")
    if int(number) != 0:
        note("SEEN", store, number)  # after it was shown: a kill between the two shows it again, and loses nothing
    if kind == "MSG":
        try:
            retry(lambda: request(f"READ;{quote(target if is_room else sender)};{number}"))
        except Refused as ko:
            show(f"* {ko}")
    # END 5


def show(text):
    """Prints a line. Control characters of other users do not reach the terminal."""
    print("".join("?" if unicodedata.category(c) in ("Cc", "Cf") else c for c in text), flush=True)


def give_up(why):
    show(f"* {why}")
    os._exit(1)  # from whichever thread


def keep_receiving():
    """Receives on one connection after the other (section 1, "Connecting again")."""
    pause = 0.5
    while True:
        begin = time.monotonic()
        try:
            receive()
        except Refused as ko:
            give_up(ko)
        except (Lost, OSError) as error:
            show(f"* connecting again: {error}")
            pause = 1 if time.monotonic() - begin > TIMEOUT else min(2 * pause, 8)
            time.sleep(pause)


def main():
    recall()
    threading.Thread(target=keep_receiving, daemon=True).start()
    results = [send(identity, to, text) for identity, (to, text) in list(outbox.items())]
    for line in sys.stdin:
        to, colon, text = line.rstrip("\n").removeprefix("@").partition(": ")
        if not line.startswith("@") or not colon:
            show("* write @name: text")
            continue
        identity = secrets.token_hex(12)  # chosen once, before the first attempt
        note("OUT", identity, to, text)
        results.append(send(identity, to, text))
    os._exit(0 if all(results) else 1)  # without waiting for the thread that receives


if __name__ == "__main__":
    main()
