// A client of the wachat protocol (src/protocol/protocol.md), with Go's standard library only.
//
//	WACHAT_USER=ana WACHAT_PASSWORD='palabra larga' go run client.go
//
// A line `@luis: hola` on standard input is a message to luis, `@#sala: hola` one to a room. What arrives is printed,
// one line a message. At the end of its input the program ends once each message has its OK.
package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
)

var (
	host     = setting("WACHAT_SERVER", "127.0.0.1")
	sendPort = setting("WACHAT_SEND_PORT", "1666")
	recvPort = setting("WACHAT_RECV_PORT", "1999")
	user     = setting("WACHAT_USER", "")
	password = setting("WACHAT_PASSWORD", "")
	notes    = filepath.Join(setting("WACHAT_HOME", "."), user+".notes")
)

const (
	timeout = 10 * time.Second                              // without a byte: after it a connection counts as lost
	wait    = 5                                             // seconds that a POLL waits for an event; less than timeout
	later   = " QUOTA RATE FULL TIMEOUT SHUTDOWN INTERNAL " // a retry may succeed (section 4)
	ended   = " AUTH BANNED REPLACED "                      // the program ends; what has no reply waits (section 1)
)

func setting(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

// refused is a KO after which a retry would get the same answer: the request had no effect. After any other error the
// outcome is unknown, or a retry may succeed.
type refused struct{ why string }

func (ko refused) Error() string { return ko.why }

// ---- Lines and records (section 2) ----

type connection struct {
	socket net.Conn
	rest   []byte // bytes that have arrived and belong to the next lines
}

func open(port string) (*connection, error) {
	socket, err := net.DialTimeout("tcp", net.JoinHostPort(host, port), timeout)
	return &connection{socket: socket}, err
}

// receive waits for more bytes.
func (c *connection) receive() ([]byte, error) {
	buffer := make([]byte, 4096)
	c.socket.SetReadDeadline(time.Now().Add(timeout))
	count, err := c.socket.Read(buffer)
	return buffer[:count], err
}

// nextLine returns the next line without its LF. An error: the connection is gone.
func (c *connection) nextLine() (string, error) {
	// TODO 1 (section 2, "The way in which TCP cuts or joins lines"): what one receive returns is not one line.
	//- received, err := c.receive()
	//- line, _, _ := bytes.Cut(received, []byte("\n"))
	//- return string(line), err
	for !bytes.Contains(c.rest, []byte("\n")) {
		received, err := c.receive()
		if err != nil {
			return "", err
		}
		c.rest = append(c.rest, received...)
	}
	line, rest, _ := bytes.Cut(c.rest, []byte("\n"))
	c.rest = rest
	return strings.TrimSuffix(string(line), "\r"), nil
	// END 1
}

// ask sends a line and returns the fields of its reply behind OK.
func (c *connection) ask(line string) ([]string, error) {
	if _, err := io.WriteString(c.socket, line+"\n"); err != nil {
		return nil, err
	}
	reply, err := c.nextLine()
	if err != nil {
		return nil, err
	}
	fields := split(reply)
	if fields[0] != "KO" || len(fields) < 2 {
		return fields[1:], nil
	}
	why := strings.Join(fields[1:], "; ")
	if strings.Contains(ended, " "+fields[1]+" ") {
		giveUp(why)
	}
	if strings.Contains(later, " "+fields[1]+" ") {
		return nil, errors.New(why)
	}
	return nil, refused{why}
}

func (c *connection) close() { c.socket.Close() }

// TODO 2 (section 2, the grammar of `record`): fields with ; and " are quoted, \n \r \\ are escapes.
//- // split returns the fields of a record.
//- func split(line string) []string {
//- 	return strings.Split(line, ";")
//- }
//-
//- // quote writes a field as a record has it.
//- func quote(field string) string {
//- 	return field
//- }
//-

// split returns the fields of a record.
func split(line string) []string {
	fields, field, state := []string{}, "", "start" // of a field; then bare, or quoted, and closed after a quote
	escaped := false
	for _, c := range line {
		switch {
		case escaped:
			field += strings.NewReplacer("n", "\n", "r", "\r").Replace(string(c))
			escaped = false
		case state == "start" && c == '"':
			state = "quoted"
		case state == "quoted" && c == '"':
			state = "closed"
		case state != "quoted" && c == ';':
			fields = append(fields, field)
			field, state = "", "start"
		default:
			if escaped = c == '\\'; !escaped {
				field += string(c)
			}
			if state == "closed" {
				state = "quoted" // it was the first of two quotes, which stand for one
			} else if state == "start" {
				state = "bare"
			}
		}
	}
	return append(fields, field)
}

// quote writes a field as a record has it.
func quote(field string) string {
	field = strings.NewReplacer("\\", "\\\\", "\n", "\\n", "\r", "\\r").Replace(field)
	if strings.Contains(field, ";") || strings.HasPrefix(field, "\"") {
		return "\"" + strings.ReplaceAll(field, "\"", "\"\"") + "\""
	}
	return field
}

// END 2

// ---- What has to survive a kill: messages without an OK, and the last event that was shown ----

type message struct{ id, to, text string }

var (
	lock       sync.Mutex // around the variables below
	outbox     []message
	seenStore  string
	seenNumber int
)

func apply(fields []string) {
	switch fields[0] {
	case "OUT":
		outbox = append(outbox, message{fields[1], fields[2], fields[3]})
	case "DONE":
		for i, one := range outbox {
			if one.id == fields[1] {
				outbox = append(outbox[:i:i], outbox[i+1:]...)
				break
			}
		}
	case "SEEN":
		seenStore, seenNumber = fields[1], toNumber(fields[2])
	}
}

func toNumber(text string) int {
	number, _ := strconv.Atoi(text)
	return number
}

// TODO 6 (lab 6): the notes are records in the file notes, each durable before what depends on it.
//- // recall reads the notes of the runs before this one.
//- func recall() error {
//- 	return nil
//- }
//-
//- // note writes a note and applies it.
//- func note(fields ...string) {
//- 	lock.Lock()
//- 	defer lock.Unlock()
//- 	apply(fields)
//- }
//-

// recall reads the notes of the runs before this one.
func recall() error {
	all, err := os.ReadFile(notes)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	whole := all[:bytes.LastIndexByte(all, '\n')+1]
	for _, line := range strings.Split(string(whole), "\n") {
		apply(split(line))
	}
	return os.Truncate(notes, int64(len(whole))) // a kill may have left half a record
}

// note writes a note and applies it.
func note(fields ...string) {
	lock.Lock()
	defer lock.Unlock()
	quoted := make([]string, len(fields))
	for i, field := range fields {
		quoted[i] = quote(field)
	}
	file, err := os.OpenFile(notes, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = file.WriteString(strings.Join(quoted, ";") + "\n")
	}
	if err == nil {
		err = file.Sync()
	}
	if err != nil {
		giveUp(err.Error())
	}
	file.Close()
	apply(fields)
}

// END 6

// ---- Requests ----

// logIn opens a connection and logs in. It returns the connection and the reply. A KO for good ends the program.
func logIn(port string) (*connection, []string, error) {
	c, err := open(port)
	if err != nil {
		return nil, nil, err
	}
	// TODO 3 (section 3): the login line, and what its reply may be.
	//- if _, err := io.WriteString(c.socket, "LOGIN:"+user+":"+password+"\n"); err != nil {
	//- 	return nil, nil, err
	//- }
	//- reply, err := c.nextLine()
	//- return c, split(reply)[1:], err
	reply, err := c.ask("LOGIN:" + user + ":" + password)
	if errors.As(err, &refused{}) {
		giveUp("not logged in: " + err.Error())
	}
	if err != nil {
		c.close()
	}
	return c, reply, err
	// END 3
}

// request sends one request on a connection of its own (section 1: the SEND port is for short connections).
func request(line string) error {
	c, _, err := logIn(sendPort)
	if err != nil {
		return err
	}
	defer c.close()
	_, err = c.ask(line)
	return err
}

// retry does a request, until there is an outcome: success (nil), or refused.
func retry(work func() error) error {
	// TODO 4 (section 4, "No reply means that the outcome is unknown"): the same again, after a pause that grows.
	//- return work()
	for pause := time.Second; ; pause *= 2 {
		err := work()
		if err == nil || errors.As(err, &refused{}) {
			return err
		}
		show("* trying again: " + err.Error())
		if pause > 8*time.Second {
			pause = 8 * time.Second
		}
		time.Sleep(pause)
	}
	// END 4
}

// send sends a message; every attempt has the same id, so it is stored once. It returns false after a KO.
func send(one message) bool {
	line := "SEND;" + one.id + ";" + quote(one.to) + ";" + quote(one.text)
	err := retry(func() error { return request(line) })
	if err != nil {
		show("* not sent to " + one.to + ": " + err.Error())
	}
	note("DONE", one.id)
	return err == nil
}

// ---- Events (sections 6 and 7) ----

// receive polls on one connection until it is lost. Each POLL acknowledges what was shown.
func receive() error {
	c, reply, err := logIn(recvPort)
	if err != nil {
		return err
	}
	defer c.close()
	acknowledged, store := reply[2], reply[3]
	if store != seenStore { // its numbers are not ours
		note("SEEN", store, acknowledged)
	}
	for {
		reply, err := c.ask(fmt.Sprintf("POLL;%d;%d", seenNumber, wait))
		if err != nil {
			return err
		}
		for i := 0; i < toNumber(reply[0]); i++ {
			line, err := c.nextLine()
			if err != nil {
				return err
			}
			take(split(line), store)
		}
	}
}

// take takes one event: shows a message, notes the number, and says that the message was read.
func take(event []string, store string) {
	kind := event[1]
	// TODO 5 (sections 5 to 7): each number once, READ for what was shown, and 0 is no number to note.
	//- if kind == "MSG" {
	//- 	show(event[3] + ": " + event[6])
	//- }
	//- note("SEEN", store, event[0])
	number := toNumber(event[0])
	if number != 0 && number <= seenNumber {
		return
	}
	peer, place := "", ""
	if kind == "MSG" {
		sender, target, when, text := event[3], event[4], event[5], event[6]
		if peer = sender; strings.HasPrefix(target, "#") {
			peer, place = target, target+" "
		}
		show(when[11:16] + " " + place + sender + ": " + text)
	} else if kind == "STATE" {
		show("* " + event[2] + ": " + event[3] + " up to " + event[4])
	}
	if number != 0 { // after it was shown: a kill between the two shows it again, and loses nothing
		note("SEEN", store, event[0])
	}
	if kind == "MSG" {
		if err := retry(func() error { return request("READ;" + quote(peer) + ";" + event[0]) }); err != nil {
			show("* " + err.Error())
		}
	}
	// END 5
}

// show prints a line. Control characters of other users do not reach the terminal.
func show(text string) {
	visible := func(c rune) rune {
		if unicode.In(c, unicode.Cc, unicode.Cf) {
			return '?'
		}
		return c
	}
	fmt.Println(strings.Map(visible, text))
}

func giveUp(why string) {
	show("* " + why)
	os.Exit(1)
}

// keepReceiving receives on one connection after the other (section 1, "Connecting again").
func keepReceiving() {
	pause := time.Second
	for {
		begin := time.Now()
		err := receive()
		if errors.As(err, &refused{}) {
			giveUp(err.Error())
		}
		show("* connecting again: " + err.Error())
		if time.Since(begin) > timeout {
			pause = time.Second
		}
		time.Sleep(pause)
		if pause < 8*time.Second {
			pause *= 2
		}
	}
}

func newID() string {
	random := make([]byte, 12)
	if _, err := rand.Read(random); err != nil {
		giveUp(err.Error())
	}
	return hex.EncodeToString(random)
}

func main() {
	if err := recall(); err != nil {
		giveUp(err.Error())
	}
	go keepReceiving()
	allSent := true
	for _, one := range append([]message{}, outbox...) {
		allSent = send(one) && allSent
	}
	input := bufio.NewReader(os.Stdin)
	for {
		line, err := input.ReadString('\n')
		if err != nil {
			break
		}
		to, text, isMessage := strings.Cut(strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "@"), ": ")
		if !isMessage || !strings.HasPrefix(line, "@") {
			show("* write @name: text")
			continue
		}
		one := message{newID(), to, text} // the id is chosen once, before the first attempt
		note("OUT", one.id, one.to, one.text)
		allSent = send(one) && allSent
	}
	if !allSent {
		os.Exit(1)
	}
}
