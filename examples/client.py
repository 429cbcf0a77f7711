#!/usr/bin/env python3
"""A small wachat client: Python's standard library and the two ports, nothing else.

    wachat serve
    python3 examples/client.py ana luis      (asks for the password, unless WACHAT_PASSWORD is set)

It sends every line that you type to luis, shows the events of ana, and stores them in a file in the current
directory. Ctrl-D ends it. Two exercises are left: it never sends READ, and it has no outbox. If it ends before
a message has a reply, the outcome stays unknown; with its id on disk, the next run could retry it.
"""
import csv, getpass, hashlib, os, secrets, socket, ssl, sys, threading, time

SEND = os.environ.get("WACHAT_SEND", "127.0.0.1:1666").split(":")
RECV = os.environ.get("WACHAT_RECV", "127.0.0.1:1999").split(":")
FINGERPRINT = os.environ.get("WACHAT_FINGERPRINT")  # of the certificate, as serve --tls prints it

class Refused(Exception):
    """A KO: a retry would not help. The request had no effect, unless the KO is a last line. (After an OSError the
    outcome is unknown.)"""

def read_line(stream):
    line = stream.readline()
    if not line.endswith("\n"):
        raise OSError("the connection has ended")  # a line without LF is not complete
    return line[:-1]

def request(stream, line):
    """Sends a request and returns the fields of its reply after OK."""
    stream.write(line + "\n")
    stream.flush()
    word, *rest = next(csv.reader([read_line(stream)], delimiter=";"))
    if word == "KO":
        # After these the client retries: the outcome is unknown, or a later attempt may succeed.
        later = rest[0] in ("TIMEOUT", "SHUTDOWN", "INTERNAL", "QUOTA", "RATE", "FULL")
        raise (OSError if later else Refused)(": ".join(rest))
    return rest

def secure(connection):
    """Puts the connection under TLS, if the server's certificate is known: this one alone is trusted."""
    if not FINGERPRINT:
        return connection
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # the fingerprint is compared instead
    secured = context.wrap_socket(connection)
    shown = hashlib.sha256(secured.getpeercert(binary_form=True)).hexdigest().upper()
    if shown != FINGERPRINT.replace(":", ""):
        secured.close()
        raise Refused(f"the server has another certificate, {shown}; nothing was sent")
    return secured

def retry(port, work, verb="LOGIN"):
    """Logs in and does the work, on a new connection after every error, until there is a reply."""
    while True:
        try:
            # Longer than a poll waits. Without it a broken network would block this program for ever.
            with secure(socket.create_connection(port, timeout=20)) as connection:
                with connection.makefile("rw", encoding="utf-8", newline="\n") as stream:
                    return work(stream, request(stream, f"{verb}:{user}:{password}"))
        except OSError as error:
            show(f"* trying again: {error}")
            time.sleep(1)

def send(text):
    # Chosen before the first attempt: a retry with the same id is the same message, so it is stored once.
    identity = secrets.token_hex(12)
    # A quoted field may hold ; and begin with a quote; a quote in it is doubled.
    text = text.replace("\\", "\\\\").replace("\r", "\\r").replace('"', '""')
    return retry(SEND, lambda stream, _: request(stream, f'SEND;{identity};{to};"{text}"'))

def poll(stream, session_opened):
    """Shows events, stores and acknowledges them, until the server refuses a poll."""
    # Numbers belong to a store. A store that was restored has another name, and so another file here.
    name, _, acknowledged, store = session_opened[:4]
    with open(f"{name}-{store}.csv", "ab+") as history:
        history.seek(0)
        history.truncate(history.read().rfind(b"\n") + 1)  # cuts off a record that a crash left incomplete
        history.seek(0)
        after = max([int(acknowledged)] + [int(record.split(b";")[0]) for record in history])
        while True:
            history.flush()
            os.fsync(history.fileno())  # durable before the poll acknowledges it
            events = [read_line(stream) for _ in range(int(request(stream, f"POLL;{after}")[0]))]
            for event, (number, kind, *rest) in zip(events, csv.reader(events, delimiter=";")):
                show(f"{number} {rest[3][11:16]} {rest[1]}: {rest[4]}" if kind == "MSG" else f"* {event}")
                if number != "0":  # an event without a number is not stored, and not sent again
                    history.write(event.encode() + b"\n")
                    after = int(number)

def receive():
    try:
        retry(RECV, poll)
    except Refused as ko:
        # Not after REPLACED either: two programs of one user would take over from each other for ever.
        show(f"* {ko}")
        os._exit(1)

def show(text):
    """Prints a text, with visible escapes for characters that would control the terminal (ESC, overrides)."""
    print("".join(c if c.isprintable() else ascii(c)[1:-1] for c in text), flush=True)

user, to = sys.argv[1:3]
if not FINGERPRINT and not {SEND[0], RECV[0]} <= {"127.0.0.1", "localhost"}:
    show("* without WACHAT_FINGERPRINT, who listens to the network reads your password and all messages")
password = os.environ.get("WACHAT_PASSWORD") or getpass.getpass()
try:
    retry(SEND, lambda *_: None, "REGISTER")
except Refused as ko:
    show(f"* {ko}")  # EXISTS in later runs, which is fine
threading.Thread(target=receive, daemon=True).start()
for line in sys.stdin:
    try:
        _, state, _, number = send(line.rstrip("\n"))[:4]
        show(f"* {number} {state}")
    except Refused as ko:
        # A last line answers no request: whether the message was stored is unknown.
        unknown = str(ko).startswith(("AUTH", "BANNED", "REPLACED"))
        show(f"* {'perhaps not sent' if unknown else 'not sent'}: {ko}")
