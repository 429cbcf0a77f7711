/* A client of the wachat protocol (src/protocol/protocol.md), with C's and POSIX's standard library only.
 *
 *     cc -Wall -Wextra -pthread -o client client.c
 *     WACHAT_USER=ana WACHAT_PASSWORD='palabra larga' ./client
 *
 * A line `@luis: hola` on standard input is a message to luis, `@#sala: hola` one to a room. What arrives is printed,
 * one line a message. At the end of its input the program ends once each message has its OK. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_LINE = 65536, /* bytes, LF included */
    MAX_FIELDS = 16,
    TIMEOUT = 10, /* seconds without a byte after which a connection counts as lost */
    WAIT = 5      /* seconds that a POLL waits for an event; less than TIMEOUT */
};

/* What came of a request. LOST: no reply, or a KO after which a retry may succeed. REFUSED: any other KO. */
enum outcome { DONE, LOST, REFUSED };

static const char *host, *send_port, *recv_port, *user, *password;
static char notes[4096];
static __thread char why[512]; /* the reason of the last LOST or REFUSED of this thread */

static const char *setting(const char *name, const char *otherwise) {
    const char *value = getenv(name);
    return value && *value ? value : otherwise;
}

/* Prints a line. Control characters of other users do not reach the terminal. */
static void show(const char *text) {
    flockfile(stdout);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        int is_c1 = *c == 0xC2 && c[1] >= 0x80 && c[1] < 0xA0; /* U+0080 to U+009F, in UTF-8 */
        putchar_unlocked(*c < ' ' || *c == 0x7F || is_c1 ? '?' : *c);
        c += is_c1;
    }
    putchar_unlocked('\n');
    fflush(stdout);
    funlockfile(stdout);
}

static void give_up(const char *what, const char *reason) {
    char text[1024];
    snprintf(text, sizeof text, "* %s%s", what, reason);
    show(text);
    _exit(1);
}

static enum outcome lost(const char *reason) {
    snprintf(why, sizeof why, "%s", reason);
    return LOST;
}

/* ---- Lines and records (section 2) ---- */

struct connection {
    int socket;
    size_t length; /* of the rest: bytes that have arrived and belong to the next lines */
    char rest[2 * MAX_LINE];
};

/* Waits for more bytes, and puts them behind the rest. */
static enum outcome receive_bytes(struct connection *c) {
    ssize_t count = recv(c->socket, c->rest + c->length, sizeof c->rest - c->length, 0);
    if (count == 0)
        return lost("the server has closed the connection");
    if (count < 0)
        return lost(errno == EAGAIN ? "nothing came for too long" : strerror(errno));
    c->length += (size_t)count;
    return DONE;
}

/* Copies the next line without its LF to `line`, of MAX_LINE bytes. */
static enum outcome next_line(struct connection *c, char *line) {
    /* TODO 1 (section 2, "The way in which TCP cuts or joins lines"): what one receive returns is not one line. */
    //- c->length = 0;
    //- if (receive_bytes(c) != DONE)
    //-     return LOST;
    //- size_t length = 0;
    //- while (length < c->length && length < MAX_LINE - 1 && c->rest[length] != '\n')
    //-     length++;
    //- memcpy(line, c->rest, length);
    //- line[length] = '\0';
    //- return DONE;
    char *end;
    while (!(end = memchr(c->rest, '\n', c->length))) {
        if (c->length >= MAX_LINE)
            return lost("the line is too long");
        if (receive_bytes(c) != DONE)
            return LOST;
    }
    size_t length = (size_t)(end - c->rest);
    memcpy(line, c->rest, length);
    line[length] = '\0';
    if (length > 0 && line[length - 1] == '\r')
        line[length - 1] = '\0';
    c->length -= length + 1;
    memmove(c->rest, end + 1, c->length);
    return DONE;
    /* END 1 */
}

/* TODO 2 (section 2, the grammar of `record`): fields with ; and " are quoted, \n \r \\ are escapes. */
//- /* Splits a record in its place; returns how many fields there are. */
//- static int split(char *line, char *fields[MAX_FIELDS]) {
//-     int count = 0;
//-     for (char *field; count < MAX_FIELDS && (field = strsep(&line, ";"));)
//-         fields[count++] = field;
//-     return count;
//- }
//-
//- /* Writes a field as a record has it: at most twice as long, two quotes and a zero. Returns the end. */
//- static char *quote(char *out, const char *field) {
//-     return stpcpy(out, field);
//- }
/* Splits a record in its place; returns how many fields there are. No field is longer than what it is read from. */
static int split(char *line, char *fields[MAX_FIELDS]) {
    enum { START, BARE, QUOTED, CLOSED } state = START; /* CLOSED: after a quote that may be the last */
    int count = 0;
    char *out = fields[count++] = line;
    for (char *in = line; *in; in++) {
        if (state == START && *in == '"') {
            state = QUOTED;
        } else if (state == QUOTED && *in == '"') {
            state = CLOSED;
        } else if (state != QUOTED && *in == ';') {
            if (count == MAX_FIELDS)
                break; /* additional fields at the end are ignored */
            *out++ = '\0';
            fields[count++] = out;
            state = START;
        } else {
            if (*in == '\\' && in[1]) {
                in++;
                *out++ = *in == 'n' ? '\n' : *in == 'r' ? '\r' : *in;
            } else {
                *out++ = *in;
            }
            state = state == CLOSED ? QUOTED : state == START ? BARE : state; /* two quotes stand for one */
        }
    }
    *out = '\0';
    return count;
}

/* Writes a field as a record has it: at most twice as long, two quotes and a zero. Returns the end. */
static char *quote(char *out, const char *field) {
    int is_quoted = *field == '"' || strchr(field, ';');
    if (is_quoted)
        *out++ = '"';
    for (; *field; field++) {
        if (*field == '\\' || *field == '\n' || *field == '\r')
            *out++ = '\\';
        if (*field == '"' && is_quoted)
            *out++ = '"';
        *out++ = *field == '\n' ? 'n' : *field == '\r' ? 'r' : *field;
    }
    if (is_quoted)
        *out++ = '"';
    *out = '\0';
    return out;
}
/* END 2 */

/* Writes a record of these fields, up to a NULL. The caller frees it. */
static char *record(const char *const fields[]) {
    size_t size = 1;
    for (int i = 0; fields[i]; i++)
        size += 2 * strlen(fields[i]) + 3;
    char *line = malloc(size), *end = line;
    if (!line)
        give_up("no memory", "");
    for (int i = 0; fields[i]; i++) {
        if (i > 0)
            *end++ = ';';
        end = quote(end, fields[i]);
    }
    return line;
}

/* Sends a line. DONE: `reply` holds its reply, and `fields` the fields of that; there are at least `least`. */
static enum outcome ask(struct connection *c, const char *line, char *reply, char *fields[MAX_FIELDS], int least) {
    static const char *const later[] = {"QUOTA", "RATE", "FULL", "TIMEOUT", "SHUTDOWN", "INTERNAL"}; /* section 4 */
    /* After these the program ends, and what has no reply waits for its next run (section 1). */
    static const char *const ended[] = {"AUTH", "BANNED", "REPLACED"};
    char *whole;
    if (asprintf(&whole, "%s\n", line) < 0)
        give_up("no memory", "");
    ssize_t length = (ssize_t)strlen(whole), sent = 0;
    while (sent < length) {
        ssize_t count = send(c->socket, whole + sent, (size_t)(length - sent), MSG_NOSIGNAL);
        if (count <= 0)
            break;
        sent += count;
    }
    free(whole);
    if (sent < length)
        return lost("the connection is gone");
    if (next_line(c, reply) != DONE)
        return LOST;
    int count = split(reply, fields);
    if (strcmp(fields[0], "KO") != 0)
        return count >= least ? DONE : lost("the reply has too few fields");
    snprintf(why, sizeof why, "%s; %s", count > 1 ? fields[1] : "", count > 2 ? fields[2] : "");
    for (size_t i = 0; count > 1 && i < sizeof ended / sizeof *ended; i++)
        if (strcmp(fields[1], ended[i]) == 0)
            give_up(why, "");
    for (size_t i = 0; count > 1 && i < sizeof later / sizeof *later; i++)
        if (strcmp(fields[1], later[i]) == 0)
            return LOST;
    return REFUSED;
}

/* ---- What has to survive a kill: messages without an OK, and the last event that was shown ---- */

struct message {
    char id[25], *to, *text;
    struct message *next;
};

static struct message *outbox; /* the oldest first */
static char seen_store[65];
static long long seen_number;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void apply(char *const fields[], int count) {
    struct message **place = &outbox;
    if (count == 4 && strcmp(fields[0], "OUT") == 0) {
        struct message *one = calloc(1, sizeof *one);
        if (!one || !(one->to = strdup(fields[2])) || !(one->text = strdup(fields[3])))
            give_up("no memory", "");
        snprintf(one->id, sizeof one->id, "%s", fields[1]);
        while (*place)
            place = &(*place)->next;
        *place = one;
    } else if (count == 2 && strcmp(fields[0], "DONE") == 0) {
        while (*place && strcmp((*place)->id, fields[1]) != 0)
            place = &(*place)->next;
        struct message *one = *place;
        if (one) {
            *place = one->next;
            free(one->to);
            free(one->text);
            free(one);
        }
    } else if (count == 3 && strcmp(fields[0], "SEEN") == 0) {
        snprintf(seen_store, sizeof seen_store, "%s", fields[1]);
        seen_number = atoll(fields[2]);
    }
}

/* TODO 6 (lab 6): the notes are records in the file notes, each durable before what depends on it. */
//- /* Reads the notes of the runs before this one. */
//- static void recall(void) {
//- }
//-
//- /* Writes a note and applies it. */
//- static void note(const char *const fields[], int count) {
//-     pthread_mutex_lock(&lock);
//-     apply((char *const *)fields, count);
//-     pthread_mutex_unlock(&lock);
//- }
/* Reads the notes of the runs before this one. */
static void recall(void) {
    char *line = NULL, *fields[MAX_FIELDS];
    size_t size = 0;
    off_t whole = 0;
    FILE *file = fopen(notes, "r");
    if (!file)
        return;
    for (ssize_t length; (length = getline(&line, &size, file)) > 0 && line[length - 1] == '\n';) {
        whole += length;
        line[length - 1] = '\0';
        apply(fields, split(line, fields));
    }
    free(line);
    fclose(file);
    if (truncate(notes, whole) != 0) /* a kill may have left half a record */
        give_up("the notes cannot be written: ", notes);
}

/* Writes a note and applies it. */
static void note(const char *const fields[], int count) {
    char *line = record(fields);
    size_t length = strlen(line);
    line[length++] = '\n'; /* in the place of its zero */
    pthread_mutex_lock(&lock);
    int file = open(notes, O_CREAT | O_APPEND | O_WRONLY, 0600);
    if (file < 0 || write(file, line, length) != (ssize_t)length || fsync(file) != 0)
        give_up("the notes cannot be written: ", notes);
    close(file);
    free(line);
    apply((char *const *)fields, count);
    pthread_mutex_unlock(&lock);
}
/* END 6 */

/* ---- Requests ---- */

static enum outcome open_connection(struct connection *c, const char *port) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *address;
    struct timeval timeout = {.tv_sec = TIMEOUT};
    if (getaddrinfo(host, port, &hints, &address) != 0)
        return lost("there is no such server");
    c->length = 0;
    c->socket = socket(address->ai_family, SOCK_STREAM, 0);
    setsockopt(c->socket, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    setsockopt(c->socket, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    int result = connect(c->socket, address->ai_addr, address->ai_addrlen);
    freeaddrinfo(address);
    if (result == 0)
        return DONE;
    lost(strerror(errno));
    close(c->socket);
    return LOST;
}

/* Opens a connection and logs in; `fields` has the reply. A KO for good ends the program. */
static enum outcome log_in(struct connection *c, const char *port, char *reply, char *fields[MAX_FIELDS]) {
    char line[4096];
    snprintf(line, sizeof line, "LOGIN:%s:%s", user, password);
    if (open_connection(c, port) != DONE)
        return LOST;
    /* TODO 3 (section 3): the login line, and what its reply may be. */
    //- dprintf(c->socket, "%s\n", line);
    //- if (next_line(c, reply) != DONE)
    //-     return LOST;
    //- return split(reply, fields) >= (port == recv_port ? 5 : 3) ? DONE : lost("the reply has too few fields");
    enum outcome outcome = ask(c, line, reply, fields, port == recv_port ? 5 : 3);
    if (outcome == REFUSED)
        give_up("not logged in: ", why);
    if (outcome == LOST)
        close(c->socket);
    return outcome;
    /* END 3 */
}

/* Sends one request on a connection of its own (section 1: the SEND port is for short connections). */
static enum outcome request(const void *line) {
    struct connection *c = malloc(sizeof *c);
    char *reply = malloc(MAX_LINE), *fields[MAX_FIELDS];
    if (!c || !reply)
        give_up("no memory", "");
    enum outcome outcome = log_in(c, send_port, reply, fields);
    if (outcome == DONE) {
        outcome = ask(c, line, reply, fields, 1);
        close(c->socket);
    }
    free(reply);
    free(c);
    return outcome;
}

/* Does a request, until there is an outcome: DONE or REFUSED. */
static enum outcome retry(enum outcome (*work)(const void *), const void *argument) {
    /* TODO 4 (section 4, "No reply means that the outcome is unknown"): the same again, after a pause that grows. */
    //- return work(argument);
    for (unsigned pause = 1;; pause = pause < 8 ? 2 * pause : 8) {
        enum outcome outcome = work(argument);
        if (outcome != LOST)
            return outcome;
        char text[600];
        snprintf(text, sizeof text, "* trying again: %s", why);
        show(text);
        sleep(pause);
    }
    /* END 4 */
}

/* Sends a message; every attempt has the same id, so it is stored once. Returns 0 after a KO. */
static int send_message(const char *id, const char *to, const char *text) {
    char *line = record((const char *const[]){"SEND", id, to, text, NULL}), said[700];
    enum outcome outcome = retry(request, line);
    free(line);
    if (outcome != DONE) {
        snprintf(said, sizeof said, "* not sent to %s: %s", to, why);
        show(said);
    }
    note((const char *const[]){"DONE", id, NULL}, 2);
    return outcome == DONE;
}

/* ---- Events (sections 6 and 7) ---- */

/* Takes one event: shows a message, notes the number, and says that the message was read. */
static void take(char *const event[], int count, const char *store) {
    int is_message = count >= 7 && strcmp(event[1], "MSG") == 0;
    /* TODO 5 (sections 5 to 7): each number once, READ for what was shown, and 0 is no number to note. */
    //- static char line[MAX_LINE + 256];
    //- if (is_message) {
    //-     snprintf(line, sizeof line, "%s: %s", event[3], event[6]);
    //-     show(line);
    //- }
    //- note((const char *const[]){"SEEN", store, event[0], NULL}, 3);
    static char line[MAX_LINE + 256];
    long long number = atoll(event[0]);
    const char *peer = "";
    if (number != 0 && number <= seen_number)
        return;
    if (is_message) {
        const char *sender = event[3], *target = event[4], *when = event[5], *text = event[6];
        int is_room = *target == '#';
        peer = is_room ? target : sender;
        snprintf(line, sizeof line, "%.5s %s%s%s: %s", strlen(when) > 11 ? when + 11 : when, is_room ? target : "",
                 is_room ? " " : "", sender, text);
        show(line);
    } else if (count >= 5 && strcmp(event[1], "STATE") == 0) {
        snprintf(line, sizeof line, "* %s: %s up to %s", event[2], event[3], event[4]);
        show(line);
    }
    if (number != 0) /* after it was shown: a kill between the two shows it again, and loses nothing */
        note((const char *const[]){"SEEN", store, event[0], NULL}, 3);
    if (is_message) {
        char *read = record((const char *const[]){"READ", peer, event[0], NULL});
        if (retry(request, read) == REFUSED)
            show(why);
        free(read);
    }
    /* END 5 */
}

/* Polls on one connection until it is lost. Each POLL acknowledges what was shown. */
static enum outcome receive_events(void) {
    static struct connection c;
    static char reply[MAX_LINE], store[65];
    char *fields[MAX_FIELDS], line[64];
    enum outcome outcome = log_in(&c, recv_port, reply, fields);
    if (outcome != DONE)
        return outcome;
    snprintf(store, sizeof store, "%s", fields[4]);
    if (strcmp(store, seen_store) != 0) /* its numbers are not ours */
        note((const char *const[]){"SEEN", store, fields[3], NULL}, 3);
    while (outcome == DONE) {
        snprintf(line, sizeof line, "POLL;%lld;%d", seen_number, WAIT);
        outcome = ask(&c, line, reply, fields, 2);
        int count = outcome == DONE ? atoi(fields[1]) : 0;
        for (int i = 0; i < count && (outcome = next_line(&c, reply)) == DONE; i++) {
            int fields_of_event = split(reply, fields);
            take(fields, fields_of_event, store);
        }
    }
    close(c.socket);
    return outcome;
}

/* Receives on one connection after the other (section 1, "Connecting again"). */
static void *keep_receiving(void *nothing) {
    unsigned pause = 1;
    for (time_t begin = time(NULL); receive_events() == LOST; begin = time(NULL)) {
        char text[600];
        snprintf(text, sizeof text, "* connecting again: %s", why);
        show(text);
        pause = time(NULL) - begin > TIMEOUT ? 1 : pause;
        sleep(pause);
        pause = pause < 8 ? 2 * pause : 8;
    }
    give_up("", why);
    return nothing;
}

static void choose_id(char id[25]) {
    unsigned char random[12];
    if (getentropy(random, sizeof random) != 0)
        give_up("no random numbers", "");
    for (int i = 0; i < 12; i++)
        snprintf(id + 2 * i, 3, "%02x", random[i]);
}

int main(void) {
    host = setting("WACHAT_SERVER", "127.0.0.1");
    send_port = setting("WACHAT_SEND_PORT", "1666");
    recv_port = setting("WACHAT_RECV_PORT", "1999");
    user = setting("WACHAT_USER", "");
    password = setting("WACHAT_PASSWORD", "");
    snprintf(notes, sizeof notes, "%s/%s.notes", setting("WACHAT_HOME", "."), user);
    recall();
    pthread_t receiver;
    pthread_create(&receiver, NULL, keep_receiving, NULL);
    int all_sent = 1;
    while (outbox)
        all_sent &= send_message(outbox->id, outbox->to, outbox->text);
    char *line = NULL, id[25];
    size_t size = 0;
    for (ssize_t length; (length = getline(&line, &size, stdin)) > 0;) {
        if (line[length - 1] == '\n')
            line[length - 1] = '\0';
        char *colon = strstr(line, ": ");
        if (*line != '@' || !colon) {
            show("* write @name: text");
            continue;
        }
        *colon = '\0';
        choose_id(id); /* once, before the first attempt */
        note((const char *const[]){"OUT", id, line + 1, colon + 2, NULL}, 4);
        all_sent &= send_message(id, line + 1, colon + 2);
    }
    _exit(all_sent ? 0 : 1); /* without waiting for the thread that receives */
}
