// A client of the wachat protocol (src/protocol/protocol.md), with Java's standard library only.
//
//     WACHAT_USER=ana WACHAT_PASSWORD='palabra larga' java Client.java
//
// A line `@luis: hola` on standard input is a message to luis, `@#sala: hola` one to a room. What arrives is printed,
// one line a message. At the end of its input the program ends once each message has its OK.
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

public class Client {
    static final String HOST = setting("WACHAT_SERVER", "127.0.0.1");
    static final int SEND_PORT = Integer.parseInt(setting("WACHAT_SEND_PORT", "1666"));
    static final int RECV_PORT = Integer.parseInt(setting("WACHAT_RECV_PORT", "1999"));
    static final String USER = setting("WACHAT_USER", "");
    static final String PASSWORD = setting("WACHAT_PASSWORD", "");
    static final Path NOTES = Path.of(setting("WACHAT_HOME", "."), USER + ".notes");

    static final int TIMEOUT = 10_000; // milliseconds without a byte after which a connection counts as lost
    static final int WAIT = 5; // seconds that a POLL waits for an event; less than TIMEOUT
    // After these a retry may succeed (section 4).
    static final List<String> LATER = List.of("QUOTA", "RATE", "FULL", "TIMEOUT", "SHUTDOWN", "INTERNAL");
    /** After these the program ends, and what has no reply waits for its next run (section 1). */
    static final List<String> ENDED = List.of("AUTH", "BANNED", "REPLACED");

    static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);

    static String setting(String name, String otherwise) {
        return System.getenv().getOrDefault(name, otherwise);
    }

    /** A KO after which a retry would get the same answer. After any other IOException a retry may succeed. */
    @SuppressWarnings("serial")
    static class Refused extends IOException {
        Refused(String why) {
            super(why);
        }
    }

    // ---- Lines and records (section 2) ----

    static class Connection implements AutoCloseable {
        final Socket socket = new Socket();
        byte[] rest = {}; // bytes that have arrived and belong to the next lines

        Connection(int port) throws IOException {
            socket.connect(new InetSocketAddress(HOST, port), TIMEOUT);
            socket.setSoTimeout(TIMEOUT);
        }

        /** Waits for more bytes. */
        byte[] receive() throws IOException {
            byte[] buffer = new byte[4096];
            int count = socket.getInputStream().read(buffer);
            if (count < 0) {
                throw new IOException("the server has closed the connection");
            }
            return Arrays.copyOf(buffer, count);
        }

        /** Returns the next line without its LF. An IOException: the connection is gone. */
        String nextLine() throws IOException {
            // TODO 1 (section 2, "The way in which TCP cuts or joins lines"): what one receive returns is not one line.
            //- return new String(receive(), StandardCharsets.UTF_8).split("\n")[0];
            int end = indexOf(rest, (byte) '\n');
            while (end < 0) {
                ByteArrayOutputStream joined = new ByteArrayOutputStream();
                joined.writeBytes(rest);
                joined.writeBytes(receive());
                rest = joined.toByteArray();
                end = indexOf(rest, (byte) '\n');
            }
            String line = new String(rest, 0, end, StandardCharsets.UTF_8);
            rest = Arrays.copyOfRange(rest, end + 1, rest.length);
            return line.endsWith("\r") ? line.substring(0, end - 1) : line;
            // END 1
        }

        /** Sends a line and returns the fields of its reply behind OK. */
        List<String> ask(String line) throws IOException {
            socket.getOutputStream().write((line + "\n").getBytes(StandardCharsets.UTF_8));
            List<String> reply = split(nextLine());
            List<String> rest = reply.subList(1, reply.size());
            if (!reply.get(0).equals("KO")) {
                return rest;
            }
            String why = String.join("; ", rest);
            if (ENDED.contains(rest.get(0))) {
                giveUp(why);
            }
            throw LATER.contains(rest.get(0)) ? new IOException(why) : new Refused(why);
        }

        @Override
        public void close() throws IOException {
            socket.close();
        }
    }

    static int indexOf(byte[] bytes, byte wanted) {
        for (int i = 0; i < bytes.length; i++) {
            if (bytes[i] == wanted) {
                return i;
            }
        }
        return -1;
    }

    // TODO 2 (section 2, the grammar of `record`): fields with ; and " are quoted, \n \r \\ are escapes.
    //- /** Returns the fields of a record. */
    //- static List<String> split(String line) {
    //-     return List.of(line.split(";"));
    //- }
    //-
    //- /** Writes a field as a record has it. */
    //- static String quote(String field) {
    //-     return field;
    //- }
    /** Where a character of a field stands: CLOSED is after a quote that may be the last. */
    enum In { START, BARE, QUOTED, CLOSED }

    /** Returns the fields of a record. */
    static List<String> split(String line) {
        List<String> fields = new ArrayList<>();
        StringBuilder field = new StringBuilder();
        In state = In.START;
        for (int i = 0; i < line.length(); i++) {
            char c = line.charAt(i);
            if (state == In.START && c == '"') {
                state = In.QUOTED;
            } else if (state == In.QUOTED && c == '"') {
                state = In.CLOSED;
            } else if (state != In.QUOTED && c == ';') {
                fields.add(field.toString());
                field.setLength(0);
                state = In.START;
            } else {
                if (c == '\\' && i + 1 < line.length()) {
                    c = line.charAt(++i);
                    c = c == 'n' ? '\n' : c == 'r' ? '\r' : c;
                }
                field.append(c);
                if (state == In.CLOSED) {
                    state = In.QUOTED; // it was the first of two quotes, which stand for one
                } else if (state == In.START) {
                    state = In.BARE;
                }
            }
        }
        fields.add(field.toString());
        return fields;
    }

    /** Writes a field as a record has it. */
    static String quote(String field) {
        field = field.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r");
        boolean isQuoted = field.contains(";") || field.startsWith("\"");
        return isQuoted ? "\"" + field.replace("\"", "\"\"") + "\"" : field;
    }
    // END 2

    // ---- What has to survive a kill: messages without an OK, and the last event that was shown ----

    static final Map<String, String[]> outbox = new LinkedHashMap<>(); // id: to, text
    static String seenStore = "";
    static long seenNumber = 0;

    static void apply(List<String> fields) {
        switch (fields.get(0)) {
            case "OUT" -> outbox.put(fields.get(1), new String[] {fields.get(2), fields.get(3)});
            case "DONE" -> outbox.remove(fields.get(1));
            case "SEEN" -> {
                seenStore = fields.get(1);
                seenNumber = Long.parseLong(fields.get(2));
            }
            default -> { }
        }
    }

    // TODO 6 (lab 6): the notes are records in the file NOTES, each durable before what depends on it.
    //- /** Reads the notes of the runs before this one. */
    //- static void recall() throws IOException {
    //- }
    //-
    //- /** Writes a note and applies it. */
    //- static synchronized void note(String... fields) throws IOException {
    //-     apply(List.of(fields));
    //- }
    /** Reads the notes of the runs before this one. */
    static void recall() throws IOException {
        if (!Files.exists(NOTES)) {
            return;
        }
        byte[] all = Files.readAllBytes(NOTES);
        int whole = all.length;
        while (whole > 0 && all[whole - 1] != '\n') {
            whole--; // a kill may have left half a record
        }
        new String(all, 0, whole, StandardCharsets.UTF_8).lines().forEach(line -> apply(split(line)));
        try (FileChannel file = FileChannel.open(NOTES, StandardOpenOption.WRITE)) {
            file.truncate(whole);
        }
    }

    /** Writes a note and applies it. */
    static synchronized void note(String... fields) throws IOException {
        String line = Arrays.stream(fields).map(Client::quote).collect(Collectors.joining(";")) + "\n";
        try (FileChannel file = FileChannel.open(NOTES, StandardOpenOption.CREATE, StandardOpenOption.APPEND)) {
            file.write(ByteBuffer.wrap(line.getBytes(StandardCharsets.UTF_8)));
            file.force(true);
        } catch (IOException error) {
            giveUp(error.toString());
        }
        apply(List.of(fields));
    }
    // END 6

    // ---- Requests ----

    /** A connection on which the user has logged in, and the reply to the login. */
    record LoggedIn(Connection connection, List<String> reply) { }

    /** Opens a connection and logs in. A KO for good ends the program. */
    static LoggedIn logIn(int port) throws IOException {
        Connection connection = new Connection(port);
        // TODO 3 (section 3): the login line, and what its reply may be.
        //- connection.socket.getOutputStream().write(("LOGIN:" + USER + ":" + PASSWORD + "\n").getBytes());
        //- List<String> reply = split(connection.nextLine());
        //- return new LoggedIn(connection, reply.subList(1, reply.size()));
        try {
            return new LoggedIn(connection, connection.ask("LOGIN:" + USER + ":" + PASSWORD));
        } catch (IOException error) {
            connection.close();
            if (error instanceof Refused) {
                giveUp("not logged in: " + error.getMessage());
            }
            throw error;
        }
        // END 3
    }

    /** Sends one request on a connection of its own (section 1: the SEND port is for short connections). */
    static List<String> request(String line) throws IOException {
        try (Connection connection = logIn(SEND_PORT).connection()) {
            return connection.ask(line);
        }
    }

    /** A request that may be done again. */
    interface Work {
        List<String> run() throws IOException;
    }

    /** Does a request, until there is an outcome: a result, or Refused. */
    static List<String> retry(Work work) throws IOException {
        // TODO 4 (section 4, "No reply means that the outcome is unknown"): the same again, after a pause that grows.
        //- return work.run();
        for (int pause = 1000;; pause = Math.min(2 * pause, 8000)) {
            try {
                return work.run();
            } catch (Refused ko) {
                throw ko;
            } catch (IOException error) {
                show("* trying again: " + error.getMessage());
                sleep(pause);
            }
        }
        // END 4
    }

    static void sleep(int milliseconds) {
        try {
            Thread.sleep(milliseconds);
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
    }

    /** Sends a message; every attempt has the same id, so it is stored once. Returns false after a KO. */
    static boolean send(String id, String to, String text) throws IOException {
        boolean isSent = true;
        try {
            retry(() -> request("SEND;" + id + ";" + quote(to) + ";" + quote(text)));
        } catch (Refused ko) {
            show("* not sent to " + to + ": " + ko.getMessage());
            isSent = false;
        }
        note("DONE", id);
        return isSent;
    }

    // ---- Events (sections 6 and 7) ----

    /** Polls on one connection until it is lost. Each POLL acknowledges what was shown. */
    static void receive() throws IOException {
        LoggedIn session = logIn(RECV_PORT);
        try (Connection connection = session.connection()) {
            String acknowledged = session.reply().get(2);
            String store = session.reply().get(3);
            if (!store.equals(seenStore)) {
                note("SEEN", store, acknowledged); // its numbers are not ours
            }
            while (true) {
                int count = Integer.parseInt(connection.ask("POLL;" + seenNumber + ";" + WAIT).get(0));
                for (int i = 0; i < count; i++) {
                    take(split(connection.nextLine()), store);
                }
            }
        }
    }

    /** Takes one event: shows a message, notes the number, and says that the message was read. */
    static void take(List<String> event, String store) throws IOException {
        long number = Long.parseLong(event.get(0));
        String kind = event.get(1);
        // TODO 5 (sections 5 to 7): each number once, READ for what was shown, and 0 is no number to note.
        //- if (kind.equals("MSG")) {
        //-     show(event.get(3) + ": " + event.get(6));
        //- }
        //- note("SEEN", store, event.get(0));
        if (number != 0 && number <= seenNumber) {
            return;
        }
        String peer = "";
        if (kind.equals("MSG")) {
            String sender = event.get(3);
            String target = event.get(4);
            boolean isRoom = target.startsWith("#");
            peer = isRoom ? target : sender;
            String time = event.get(5).substring(11, 16);
            show(time + " " + (isRoom ? target + " " : "") + sender + ": " + event.get(6));
        } else if (kind.equals("STATE")) {
            show("* " + event.get(2) + ": " + event.get(3) + " up to " + event.get(4));
        }
        if (number != 0) { // after it was shown: a kill between the two shows it again, and loses nothing
            note("SEEN", store, event.get(0));
        }
        if (kind.equals("MSG")) {
            String read = "READ;" + quote(peer) + ";" + number;
            try {
                retry(() -> request(read));
            } catch (Refused ko) {
                show("* " + ko.getMessage());
            }
        }
        // END 5
    }

    /** Prints a line. Control characters of other users do not reach the terminal. */
    static void show(String text) {
        OUT.println(text.replaceAll("[\\p{Cc}\\p{Cf}]", "?"));
    }

    static void giveUp(String why) {
        show("* " + why);
        Runtime.getRuntime().halt(1);
    }

    /** Receives on one connection after the other (section 1, "Connecting again"). */
    static void keepReceiving() {
        int pause = 500;
        while (true) {
            long begin = System.currentTimeMillis();
            try {
                receive();
            } catch (Refused ko) {
                giveUp(ko.getMessage());
            } catch (IOException error) {
                show("* connecting again: " + error.getMessage());
                pause = System.currentTimeMillis() - begin > TIMEOUT ? 1000 : Math.min(2 * pause, 8000);
                sleep(pause);
            }
        }
    }

    public static void main(String[] arguments) throws IOException {
        recall();
        Thread receiver = new Thread(Client::keepReceiving);
        receiver.setDaemon(true);
        receiver.start();
        boolean allSent = true;
        for (var one : new LinkedHashMap<>(outbox).entrySet()) {
            allSent &= send(one.getKey(), one.getValue()[0], one.getValue()[1]);
        }
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            int colon = line.indexOf(": ");
            if (!line.startsWith("@") || colon < 0) {
                show("* write @name: text");
                continue;
            }
            byte[] random = new byte[12];
            new SecureRandom().nextBytes(random);
            String id = HexFormat.of().formatHex(random); // chosen once, before the first attempt
            String to = line.substring(1, colon);
            String text = line.substring(colon + 2);
            note("OUT", id, to, text);
            allSent &= send(id, to, text);
        }
        Runtime.getRuntime().halt(allSent ? 0 : 1); // without waiting for the thread that receives
    }
}
