#!/usr/bin/env python3
"""A server of the wachat protocol (src/protocol/protocol.md), with Python's standard library only.

    python3 server.py 2666 2999 messages.log       (SEND port, RECV port, the log)

One thread a connection; one lock around the state. A change is a record: it is appended to the log and synced, then
applied, then answered. At the start the log is replayed. There are no rates, no quotas, no presence (section 7), no
lists of users and rooms, no direct chats; names are of ASCII letters. The lines between TODO and END are the exercises:
the skeleton has something there that is too simple.
"""
import collections, datetime, hashlib, os, select, socket, string, sys, threading, time, traceback

TIMEOUT = 10  # seconds (section 1)
MAX_LINE, MAX_LOGIN_LINE = 65_536, 4_096  # bytes, LF included
MAX_TEXT, MAX_REPLY = 60_000, 256 * 1024  # bytes of a text in a record, of a list
ID = set(string.ascii_letters + string.digits + "-_")
STORE = "lab"  # the name of the store, section 6


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


class End(Exception):
    """The connection ends, with this last line; empty: with none."""


class Ko(Exception):
    """A request is refused."""

    def __init__(self, code, text="refused"):
        super().__init__(f"KO;{code};{text}")


# ---- Lines and records (sections 1 and 2) ----

class Lines:
    """The lines that arrive on a connection."""

    def __init__(self, connection):
        self.connection = connection
        self.rest = b""  # bytes that have arrived and belong to the next lines

    def receive(self, deadline):
        """Waits for more bytes. Empty: the client sends no more."""
        # TODO 8 (section 1, Time-outs): the wait ends at the deadline, with KO;TIMEOUT.
        #- return self.connection.recv(65_536)
        self.connection.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            return self.connection.recv(65_536)
        except TimeoutError:
            raise End("KO;TIMEOUT;nothing came for too long")
        except OSError:
            return b""
        # END 8

    def next_line(self, limit, deadline):
        """Returns the next line without its end."""
        # TODO 1 (section 2): one recv is not one line, and a line has at most `limit` bytes.
        #- received = self.receive(deadline)
        #- if not received:
        #-     raise End("")
        #- return received.split(b"\n")[0]
        while b"\n" not in self.rest:
            if len(self.rest) >= limit:
                raise End("KO;TOO_LONG;the line is too long")
            is_first = not self.rest
            received = self.receive(deadline)
            if not received:
                raise End("")  # what has no LF is not a line
            self.rest += received
            if is_first and limit == MAX_LINE:
                deadline = time.monotonic() + TIMEOUT  # from the first byte of a line to its end
        line, self.rest = self.rest.split(b"\n", 1)
        if len(line) >= limit:
            raise End("KO;TOO_LONG;the line is too long")
        return line.removesuffix(b"\r")
        # END 1


# TODO 2 (section 2, the grammar of `record`): fields with ; and " are quoted, \n \r \\ are escapes.
#- def split(line):
#-     """Returns the fields of a record. KO SYNTAX: it is none."""
#-     return line.decode().split(";")
#-
#-
#- def quote(field):
#-     """Writes a field as a record has it."""
#-     return field
def split(line):
    """Returns the fields of a record. KO SYNTAX: it is none."""
    try:
        characters = iter(line.decode())
    except UnicodeDecodeError:
        raise Ko("SYNTAX", "this is not UTF-8")
    fields, state = [""], "start"  # of a field; then bare, or quoted, and closed after a quote that may be the last
    for c in characters:
        if state == "start" and c == '"':
            state = "quoted"
        elif state == "quoted" and c == '"':
            state = "closed"
        elif state != "quoted" and c == ";":
            fields.append("")
            state = "start"
        else:
            if state == "closed" and c != '"' or is_control(c):
                raise Ko("SYNTAX", "this is not a record")
            if c == "\\":
                c = {"n": "\n", "r": "\r", "\\": "\\"}.get(next(characters, ""))
                if c is None:
                    raise Ko("SYNTAX", "there is no such escape")
            fields[-1] += c
            state = {"start": "bare", "closed": "quoted"}.get(state, state)  # two quotes stand for one
    if state == "quoted":
        raise Ko("SYNTAX", "a quote is open")
    return fields


def is_control(c):
    return c < " " and c != "\t" or "\x7f" <= c <= "\x9f"


def quote(field):
    """Writes a field as a record has it."""
    field = field.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    if ";" in field or field.startswith('"'):
        return '"' + field.replace('"', '""') + '"'
    return field
# END 2


def record(*fields):
    return ";".join(quote(str(field)) for field in fields)


def number(text, least=0, most=2**53 - 1):
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise Ko("SYNTAX", "this is not a number of this request")
    return int(text)


# ---- The state: what the records of the log make. The same records make the same state. ----

class Account:
    def __init__(self, shown, digest):
        self.shown, self.digest = shown, digest  # the name as it was registered; of the password
        self.acknowledged = 0
        self.events = {}  # what was not acknowledged: number -> (line, message or None)
        self.read = {}  # conversation -> number


Message = collections.namedtuple("Message", "number id sender target time text recipients")


class State:
    def __init__(self):
        self.last = 0  # one sequence for all
        self.accounts, self.rooms = {}, {}  # by name in small letters; room -> members
        self.ids = {}  # (sender, id) -> message
        self.conversations = collections.defaultdict(list)  # key -> messages
        self.sent = collections.defaultdict(list)  # (sender, target) -> messages
        self.reached = collections.Counter()  # (sender, target, state) -> how many of these are in the state, or beyond

    def apply(self, kind, *fields):
        getattr(self, "apply_" + kind.lower())(*fields)

    def apply_account(self, name, shown, digest):
        self.accounts[name] = Account(shown, digest)

    def apply_send(self, identity, sender, target, at, text):
        # TODO 4 (sections 5 and 7): a message has a number of the one sequence, a conversation, and recipients.
        #- self.last += 1
        #- message = Message(self.last, identity, sender, target, at, text, {target})
        #- self.ids[sender, identity] = message
        #- line = record(self.last, "MSG", identity, self.shown(sender), self.shown(target), at, text)
        #- self.accounts[target].events[self.last] = (line, message)
        recipients = self.rooms[target] - {sender} if is_room(target) else {target}
        self.last += 1
        message = Message(self.last, identity, sender, target, at, text, recipients)
        self.ids[sender, identity] = message
        self.conversations[conversation(sender, target)].append(message)
        self.sent[sender, target].append(message)
        line = record(self.last, "MSG", identity, self.shown(sender), self.shown(target), at, text)
        for user in recipients:
            self.accounts[user].events[self.last] = (line, message)
        # END 4

    # TODO 6 (section 7, States): what an acknowledgement and a READ change, and the STATE events that tell it.
    #- def apply_ack(self, user, upto, at):
    #-     self.accounts[user].acknowledged = int(upto)
    #-
    #- def apply_read(self, user, peer, upto, at):
    #-     self.accounts[user].read[peer] = int(upto)
    #-
    #- def state_for(self, user, message):
    #-     """How far a message has come with one recipient."""
    #-     return "RECEIVED"
    #-
    #- def state_of(self, message):
    #-     """The state by the sender's watermarks."""
    #-     return "RECEIVED"
    def apply_ack(self, user, upto, at):
        account = self.accounts[user]
        account.acknowledged = max(account.acknowledged, int(upto))
        gone = [seq for seq in account.events if seq <= account.acknowledged]
        messages = [account.events.pop(seq)[1] for seq in gone]
        for sender, target in dict.fromkeys((message.sender, message.target) for message in messages if message):
            self.advance(sender, target, at)

    def apply_read(self, user, peer, upto, at):
        read = self.accounts[user].read
        read[peer] = max(read.get(peer, 0), int(upto))
        for sender, target in self.keys(user, peer):
            self.advance(sender, target, at)

    def keys(self, user, peer):
        """Returns who has sent to where in a conversation, as its reader sees it."""
        return [key for key in self.sent if key[1] == peer] if is_room(peer) else [(peer, user)]

    def advance(self, sender, target, at):
        """Moves the sender's watermarks as far as all recipients are; tells the sender."""
        messages = self.sent[sender, target]
        for state in ("READ", "DELIVERED"):
            mark = self.reached[sender, target, state]
            for count, message in enumerate(messages[mark:], mark + 1):
                states = [self.state_for(user, message) for user in self.remaining(message)]
                if not all(STATES[one] >= STATES[state] for one in states):
                    break
                if states:  # without a recipient it waits for a later message
                    mark = count
            if mark > self.reached[sender, target, state]:
                self.reached[sender, target, state] = mark
                if state == "READ" or mark > self.reached[sender, target, "READ"]:
                    self.last += 1
                    line = record(self.last, "STATE", self.shown(target), state, messages[mark - 1].number, at)
                    self.accounts[sender].events[self.last] = (line, None)

    def state_for(self, user, message):
        """How far a message has come with one recipient."""
        account = self.accounts[user]
        peer = message.target if is_room(message.target) else message.sender
        if account.read.get(peer, 0) >= message.number:
            return "READ"
        return "DELIVERED" if account.acknowledged >= message.number else "RECEIVED"

    def state_of(self, message):
        """The state by the sender's watermarks."""
        for state in ("READ", "DELIVERED"):
            mark = self.reached[message.sender, message.target, state]
            if mark and message.number <= self.sent[message.sender, message.target][mark - 1].number:
                return state
        return "RECEIVED"
    # END 6

    # TODO 10 (section 7, Rooms): who is a member.
    #- def apply_join(self, room, user):
    #-     pass
    #-
    #- def apply_leave(self, room, user, at):
    #-     pass
    #-
    #- def remaining(self, message):
    #-     """The recipients of a message that still are some."""
    #-     return message.recipients
    def apply_join(self, room, user):
        self.rooms.setdefault(room, set()).add(user)

    def apply_leave(self, room, user, at):
        self.rooms[room].discard(user)
        events = self.accounts[user].events
        for seq in [seq for seq, (_, message) in events.items() if message and message.target == room]:
            del events[seq]
        for sender, target in self.keys(user, room):
            self.advance(sender, target, at)
        if not self.rooms[room] and not self.conversations[room]:
            del self.rooms[room]

    def remaining(self, message):
        """The recipients of a message that still are some."""
        if is_room(message.target):
            return message.recipients & self.rooms[message.target]
        return message.recipients
    # END 10

    def shown(self, target):
        return target if is_room(target) else self.accounts[target].shown


STATES = {"RECEIVED": 0, "DELIVERED": 1, "READ": 2}


def is_room(target):
    return target.startswith("#")


def conversation(user, target):
    return target if is_room(target) else tuple(sorted((user, target)))


# ---- The log ----

class Server:
    def __init__(self, path):
        self.path = path
        self.state = State()
        self.changed = threading.Condition()  # its lock is held around every use of the state
        self.sessions = {}  # user -> session on RECV
        self.replay()

    # TODO 9 (section 5, "the message is durable"): the log is what a kill leaves.
    #- def replay(self):
    #-     """Applies the records of the log."""
    #-
    #- def commit(self, *fields):
    #-     """Makes a change durable, then applies it. Nothing is answered before this has returned."""
    #-     self.state.apply(*(str(field) for field in fields))
    #-     self.changed.notify_all()
    def replay(self):
        """Applies the records of the log. Half a record at its end was answered to nobody: it is cut off."""
        self.log = open(self.path, "ab+")
        self.log.seek(0)
        whole = self.log.read()
        whole = whole[:whole.rfind(b"\n") + 1]
        for line in whole.splitlines():
            self.state.apply(*split(line))
        self.log.truncate(len(whole))
        directory = os.open(os.path.dirname(os.path.abspath(self.path)), os.O_RDONLY)
        os.fsync(directory)  # the name of a new file is in its directory
        os.close(directory)

    def commit(self, *fields):
        """Makes a change durable, then applies it. Nothing is answered before this has returned."""
        try:
            self.log.write((record(*fields) + "\n").encode())
            self.log.flush()
            os.fsync(self.log.fileno())
        except OSError as error:
            print(f"the log: {error}", file=sys.stderr, flush=True)
            os._exit(1)  # what is on the disk is unknown now; the next start finds out
        self.state.apply(*(str(field) for field in fields))
        self.changed.notify_all()
    # END 9


# ---- One connection ----

class Session:
    def __init__(self, server, connection, port):
        self.server, self.connection, self.port = server, connection, port
        self.user = None  # until the login
        self.is_replaced = False

    def serve(self):
        lines = Lines(self.connection)
        last = ""
        try:
            self.reply(self.log_in(lines.next_line(MAX_LOGIN_LINE, time.monotonic() + TIMEOUT)))
            goes_on = True
            while goes_on:
                line = lines.next_line(MAX_LINE, time.monotonic() + TIMEOUT)
                try:
                    fields = split(line)
                    self.reply(self.answer(*fields))
                    goes_on = fields[0].upper() != "QUIT"
                except Ko as ko:
                    self.reply(str(ko))
        except (Ko, End) as end:  # a KO to the login ends the connection, too
            last = str(end)
        except OSError:
            pass  # the client is gone
        except Exception:
            traceback.print_exc()
            last = "KO;INTERNAL;the server has a defect, which it has printed"
        self.close("KO;REPLACED;a later session has taken over" if self.is_replaced else last)

    def reply(self, text):
        self.connection.settimeout(TIMEOUT)
        self.connection.sendall((text + "\n").encode())

    def close(self, last):
        """Writes the last line, and reads what has arrived: closing before would be a reset, which destroys it."""
        with self.server.changed:
            if self.server.sessions.get(self.user) is self:
                del self.server.sessions[self.user]
        try:
            if last:
                self.reply(last)
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(0.2)
            while self.connection.recv(65_536):
                pass
        except OSError:
            pass
        self.connection.close()

    def log_in(self, line):
        """Answers the login line."""
        try:
            verb, name, password = line.decode().split(":", 2)
        except ValueError:
            raise Ko("SYNTAX", "the first line is LOGIN:name:password")
        if verb.upper() not in ("LOGIN", "REGISTER") or not password:
            raise Ko("SYNTAX", "the first line is LOGIN:name:password")
        shown, name = name, name.lower()
        digest = hashlib.scrypt(password.encode(), salt=name.encode(), n=4096, r=8, p=1).hex()
        with self.server.changed:
            # TODO 3 (section 3): which names and passwords are taken, and which KO the others get.
            #- if name not in self.server.state.accounts:
            #-     self.server.commit("ACCOUNT", name, shown, digest)
            account = self.server.state.accounts.get(name)
            if verb.upper() == "LOGIN":
                if account is None or account.digest != digest:
                    raise Ko("AUTH", "no such user, or a wrong password")
            elif not is_name(name):
                raise Ko("NAME", "this is no name")
            elif account:
                raise Ko("EXISTS", "this name has an account")
            elif len(password) < 8 or password.lower() == name or "\r" in password:
                raise Ko("PASSWORD", "a password has 8 characters or more, and is not the name")
            else:
                self.server.commit("ACCOUNT", name, shown, digest)
            # END 3
            self.user = name
            account = self.server.state.accounts[name]
            if self.port == "SEND":
                return record("OK", account.shown, "wachat/1")
            self.take_over()
            return record("OK", account.shown, "wachat/1", account.acknowledged, STORE)

    def take_over(self):
        """Ends the session before this one. Its own thread writes its last line: one writer a connection."""
        # TODO 3 (section 3, Sessions): a user has one session.
        #- self.server.sessions[self.user] = self
        before = self.server.sessions.get(self.user)
        self.server.sessions[self.user] = self
        if before:
            before.is_replaced = True
            try:
                before.connection.shutdown(socket.SHUT_RD)  # wakes its thread, if that reads
            except OSError:
                pass
            self.server.changed.notify_all()  # or waits in a poll
        # END 3

    def answer(self, verb, *fields):
        """Answers a request."""
        requests = {
            "SEND": {"SEND": (self.send, 3, 3), "READ": (self.read, 2, 2), "STATUS": (self.status, 2, 2),
                     "HISTORY": (self.history, 1, 3), "JOIN": (self.join, 1, 1), "LEAVE": (self.leave, 1, 1),
                     "MEMBERS": (self.members, 1, 1)},
            "RECV": {"POLL": (self.poll, 1, 3)},
        }[self.port]
        requests["PING"] = requests["QUIT"] = (lambda: "OK", 0, 0)
        handler, least, most = requests.get(verb.upper(), (None, 0, 0))
        if handler is None or not least <= len(fields) <= most:
            raise Ko("SYNTAX", "this is not a request of this port")
        with self.server.changed:
            return handler(*fields)

    def find(self, target):
        """Returns the name in small letters of a user, or of a room of which the user is a member."""
        name, state = target.lower(), self.server.state
        if not is_room(name):
            if name not in state.accounts:
                raise Ko("NO_USER", "there is no such user")
            return name
        # TODO 10 (section 5, "A request with a target"): only members may.
        #- raise Ko("NO_ROOM", "there are no rooms yet")
        if name not in state.rooms:
            raise Ko("NO_ROOM", "there is no such room")
        if self.user not in state.rooms[name]:
            raise Ko("NOT_MEMBER", "you are not a member of this room")
        return name
        # END 10

    def send(self, identity, target, text):
        state = self.server.state
        # TODO 7 (section 5, "The id makes a retry idempotent"): a known id is looked up before anything else.
        #- known = None
        known = state.ids.get((self.user, identity))
        if known and (known.target, known.text) != (target.lower(), text):
            raise Ko("CONFLICT", "this id was used for another message")
        # END 7
        if not known:
            # TODO 4 (section 5, SEND; section 2, id and text): what is checked before a message is stored.
            #- self.server.commit("SEND", identity, self.user, target.lower(), now(), text)
            #- known = state.ids[self.user, identity]
            if not 1 <= len(identity) <= 64 or not set(identity) <= ID:
                raise Ko("SYNTAX", "this is not an id")
            if len(quote(text).encode()) > MAX_TEXT:
                raise Ko("SYNTAX", "the text is too long")
            target = self.find(target)
            self.server.commit("SEND", identity, self.user, target, now(), text)
            known = state.ids[self.user, identity]
            # END 4
        return record("OK", identity, "RECEIVED", known.time, known.number)

    def read(self, target, upto):
        upto, target = number(upto), self.find(target)
        # TODO 6 (section 5, READ): not above the last message there, and without effect below an earlier READ.
        #- return "OK"
        messages = self.server.state.conversations[conversation(self.user, target)]
        if upto > (messages[-1].number if messages else 0):
            raise Ko("SEQ", "that number is past the last there is")
        if upto > self.server.state.accounts[self.user].read.get(target, 0):
            self.server.commit("READ", self.user, target, upto, now())
        return "OK"
        # END 6

    def status(self, target, seq):
        seq, target, state = number(seq), self.find(target), self.server.state
        # TODO 6 (section 5, STATUS): each recipient, and the state there.
        #- raise Ko("NO_MESSAGE", "there are no states yet")
        for message in state.sent[self.user, target]:
            if message.number == seq:
                recipients = sorted(message.recipients)
                return listed([record(state.shown(user), state.state_for(user, message)) for user in recipients])
        raise Ko("NO_MESSAGE", "you have sent no message with this number there")
        # END 6

    def history(self, target, limit="50", before=str(2**53 - 1)):
        limit, before, target = number(limit, 1, 1000), number(before), self.find(target)
        state = self.server.state
        # TODO 4 (section 5, HISTORY): the last messages of a conversation, in ascending order.
        #- return listed([])
        messages = state.conversations[conversation(self.user, target)]
        messages = [message for message in messages if message.number < before][-limit:]
        rows = [record(one.number, one.id, state.shown(one.sender), state.shown(one.target), one.time,
                       state.state_of(one), one.text) for one in messages]
        return listed(fitting(rows[::-1])[::-1])
        # END 4

    def poll(self, after, wait="9", most="100"):
        after, wait, most = number(after), number(wait, 0, 9), number(most, 1, 1000)
        account = self.server.state.accounts[self.user]
        # TODO 5 (section 6, POLL): it acknowledges, and it waits for an event.
        if after > self.server.state.last:
            raise Ko("SEQ", "that number is past the last there is")
        if after > account.acknowledged:
            self.server.commit("ACK", self.user, after, now())
        deadline = time.monotonic() + wait
        while not account.events and time.monotonic() < deadline and not self.has_ended():
            self.server.changed.wait(min(0.1, max(deadline - time.monotonic(), 0)))  # an end of input notifies nobody
        if self.is_replaced:
            raise End("")
        # END 5
        return listed(fitting([line for seq, (line, _) in sorted(account.events.items()) if seq > after][:most]))

    def has_ended(self):
        """Tells that the client sends no more, or that a later session has taken over."""
        readable, _, _ = select.select([self.connection], [], [], 0)
        return self.is_replaced or bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)

    # TODO 10 (section 5, JOIN, LEAVE and MEMBERS): the first two are OK where nothing changes.
    #- def join(self, room):
    #-     raise Ko("NAME", "there are no rooms yet")
    #-
    #- def leave(self, room):
    #-     raise Ko("NO_ROOM", "there are no rooms yet")
    #-
    #- def members(self, room):
    #-     raise Ko("NO_ROOM", "there are no rooms yet")
    def join(self, room):
        name, state = room.lower(), self.server.state
        if not is_room(name) or not is_name(name[1:]):
            raise Ko("NAME", "this is no name of a room")
        if self.user not in state.rooms.get(name, ()):
            self.server.commit("JOIN", name, self.user)
        return "OK"

    def leave(self, room):
        name, state = room.lower(), self.server.state
        if name not in state.rooms:
            raise Ko("NO_ROOM", "there is no such room")
        if self.user in state.rooms[name]:
            self.server.commit("LEAVE", name, self.user, now())
        return "OK"

    def members(self, room):
        name, state = room.lower(), self.server.state
        if name not in state.rooms:
            raise Ko("NO_ROOM", "there is no such room")
        return listed([record(state.shown(user), self.presence(user)) for user in sorted(state.rooms[name])])
    # END 10

    def presence(self, user):
        return "online" if user in self.server.sessions else "offline"


def is_name(name):
    """Tells that a text is a name (section 3), of ASCII letters."""
    allowed = set("abcdefghijklmnopqrstuvwxyz0123456789!$%&'()*+,-.<=>?[]^_`{|}~")
    return 1 <= len(name) <= 32 and set(name) <= allowed and name[0] not in ".-"


def fitting(rows):
    """Returns the first rows, as many as a reply may have, but one at least."""
    size = 0
    for count, row in enumerate(rows):
        size += len(row.encode()) + 1
        if count and size > MAX_REPLY:
            return rows[:count]
    return rows


def listed(rows):
    return "\n".join([record("OK", len(rows))] + rows)


def accept(server, listener, port):
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=Session(server, connection, port).serve, daemon=True).start()


def main():
    send_port, recv_port, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    server = Server(path)
    send, recv = (socket.create_server(("127.0.0.1", port), backlog=128) for port in (send_port, recv_port))
    threading.Thread(target=accept, args=(server, send, "SEND"), daemon=True).start()
    print(f"listening on {send_port} and {recv_port}", flush=True)
    accept(server, recv, "RECV")


if __name__ == "__main__":
    main()
