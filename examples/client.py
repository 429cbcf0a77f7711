#!/usr/bin/env python3
"""A small wachat client: Python's standard library and the two ports, nothing else.

    wachat serve
    python3 examples/client.py ana luis      (asks for the password; or WACHAT_PASSWORD)

Every line you type goes to luis, Ctrl-D ends it. What comes is shown, and kept in a file in this directory.
Two things are left to you. It never says READ. And what you type is not kept: if this ends before a message
has its answer, nobody will know whether that was sent; kept with its id, it could be asked again later.
"""
import csv, getpass, os, secrets, socket, sys, threading, time

SEND = os.environ.get("WACHAT_SEND", "127.0.0.1:1666").split(":")
RECV = os.environ.get("WACHAT_RECV", "127.0.0.1:1999").split(":")

class Refused(Exception):
    """It did not happen, and asking again would not help. (An OSError is silence: nobody knows.)"""

def read_line(stream):
    line = stream.readline()
    if not line.endswith("\n"):
        raise OSError("the connection has ended")  # half a line is no line
    return line[:-1]

def ask(stream, request):
    """One request; the fields of its reply after OK."""
    stream.write(request + "\n")
    stream.flush()
    word, *rest = next(csv.reader([read_line(stream)], delimiter=";"))
    if word == "KO":
        # These answer nothing, or ask us to try later: as good as silence.
        later = rest[0] in ("TIMEOUT", "SHUTDOWN", "INTERNAL", "QUOTA", "RATE", "FULL")
        raise (OSError if later else Refused)(": ".join(rest))
    return rest

def insist(port, work, verb="LOGIN"):
    """Logs in and works there; over a new connection, again and again, until the server has had its say."""
    while True:
        try:
            # Longer than the server lets a poll wait; without it a dead network is waited for for ever.
            with socket.create_connection(port, timeout=20) as connection:
                with connection.makefile("rw", encoding="utf-8", newline="\n") as stream:
                    return work(stream, ask(stream, f"{verb}:{user}:{password}"))
        except OSError as silence:
            show(f"* will ask again: {silence}")
            time.sleep(1)

def send(text):
    # Chosen before the first try: the same id again is the same message again, however often we ask.
    identity = secrets.token_hex(12)
    # In quotes a ; is text, and so is a quote at the beginning. Quotes are doubled there.
    text = text.replace("\\", "\\\\").replace("\r", "\\r").replace('"', '""')
    return insist(SEND, lambda stream, _: ask(stream, f'SEND;{identity};{to};"{text}"'))

def poll(stream, greeting):
    """Shows and keeps what comes, until the server refuses to go on."""
    # Numbers belong to a store. One restored from a backup has another name, and so another file here.
    name, _, acknowledged, store = greeting[:4]
    with open(f"{name}-{store}.csv", "ab+") as kept:
        kept.seek(0)
        kept.truncate(kept.read().rfind(b"\n") + 1)  # a record cut short by a crash is no record
        kept.seek(0)
        after = max([int(acknowledged)] + [int(record.split(b";")[0]) for record in kept])
        while True:
            kept.flush()
            os.fsync(kept.fileno())  # on the disk, before the poll acknowledges it
            events = [read_line(stream) for _ in range(int(ask(stream, f"POLL;{after}")[0]))]
            for event, (number, kind, *rest) in zip(events, csv.reader(events, delimiter=";")):
                show(f"{number} {rest[3][11:16]} {rest[1]}: {rest[4]}" if kind == "MSG" else f"* {event}")
                if number != "0":  # who comes and goes has no number: it is not kept, nor sent again
                    kept.write(event.encode() + b"\n")
                    after = int(number)

def receive():
    try:
        insist(RECV, poll)
    except Refused as ko:  # AUTH, or REPLACED: two programs of ana's that both insist would fight for ever
        show(f"* {ko}")
        os._exit(1)

def show(text):
    """As it stands, but for what could play with this terminal: ESC, bidi overrides, ..."""
    print("".join(c if c.isprintable() else ascii(c)[1:-1] for c in text), flush=True)

user, to = sys.argv[1:3]
password = os.environ.get("WACHAT_PASSWORD") or getpass.getpass()
try:
    insist(SEND, lambda *_: None, "REGISTER")
except Refused as ko:
    show(f"* {ko}")  # EXISTS after the first time, which is as good
threading.Thread(target=receive, daemon=True).start()
for line in sys.stdin:
    try:
        _, state, _, number = send(line.rstrip("\n"))[:4]
        show(f"* {number} {state}")
    except Refused as ko:
        show(f"* not sent: {ko}")
