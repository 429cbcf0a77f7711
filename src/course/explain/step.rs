//! The steps in the life of a message, in three languages, with the promise and the sentence of the protocol that it shows.

use crate::course::page::section_of;
use crate::model::Timestamp;
use crate::texts::{Language, Three, three};

/// One step in the life of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub at: Timestamp,
    pub kind: Kind,
    /// The user whose client or connection it is about; empty where it is about none.
    pub user: String,
    /// The sequence number of the message, or that up to which a log was replayed.
    pub number: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The store alone tells that the message was accepted.
    Accepted,
    Arrived,
    /// Only the client's trace has it: the server may have read it, or not.
    Sent,
    SentInVain,
    /// A proxy did not pass it on.
    SendKept,
    /// A proxy has brought it a second time.
    Copied,
    Synced,
    Answered,
    AnsweredAgain,
    AnswerLost,
    Retried,
    Offered,
    OfferLost,
    OfferKept,
    OfferedAgain,
    /// Without its text.
    OfferedErased,
    Disconnected,
    /// Its event, for a device of its sender.
    ShownToSender,
    Delivered,
    /// Another device of a recipient acknowledges it after the first.
    StoredToo,
    ToldDelivered,
    Read,
    ToldRead,
    ServerKilled,
    Recovered,
    ClientKilled,
    /// The end of a story: it has not been delivered.
    Waits,
    /// The end of a story: it was taken back.
    Erased,
}

/// A kind, its text, the promise that it shows (0: none), and a sentence of the protocol.
type Row = (Kind, Three, u8, &'static str);

const RETRY: &str = "with the same target and text the reply is the very same again, on any connection and after any crash, and nothing is stored";
const UNKNOWN: &str = "No reply means that the outcome is unknown: the client retries with the same id.";
const AGAIN: &str = "The server sends an event that was not acknowledged again, under the same number: on the next poll, on the next connection, and after a crash of either side.";
const KEPT: &str = "A message in a mailbox is never dropped while the account of its recipient exists.";
const RECEIPT: &str = "A STATE event that depends on an acknowledgement is sent only when that is durable.";

#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    (Kind::Accepted, three(
        "The server has it, durable, under number {number}: RECEIVED.",
        "El servidor lo tiene, de forma durable, con el número {number}: RECEIVED.",
        "O servidor a tem, de forma durável, com o número {number}: RECEIVED."),
        3, "Every message and every STATE event gets the next number of a single sequence of the server."),
    (Kind::Arrived, three(
        "{user}'s client sends it, and the server reads it.",
        "El cliente de {user} lo envía y el servidor lo lee.",
        "O cliente de {user} a envia e o servidor a lê."),
        5, "The server answers the login line and every request with exactly one reply, in the order of the requests"),
    (Kind::Sent, three(
        "{user}'s client sends it; no trace tells whether the server reads it.",
        "El cliente de {user} lo envía; ninguna traza dice si el servidor lo lee.",
        "O cliente de {user} a envia; nenhum rastro diz se o servidor a lê."),
        5, UNKNOWN),
    (Kind::SentInVain, three(
        "{user}'s client sends it, but the server ends, or the connection does, before it is read.",
        "El cliente de {user} lo envía, pero el servidor o la conexión terminan antes de que se lea.",
        "O cliente de {user} a envia, mas o servidor ou a conexão terminam antes da leitura."),
        5, UNKNOWN),
    (Kind::SendKept, three(
        "{user}'s client sends it, and the network loses it: the server never reads it.",
        "El cliente de {user} lo envía y la red lo pierde: el servidor no llega a leerlo.",
        "O cliente de {user} a envia e a rede a perde: o servidor não chega a lê-la."),
        5, UNKNOWN),
    (Kind::Copied, three(
        "The network brings {user}'s SEND to the server once more, under the same id.",
        "La red trae el SEND de {user} al servidor una vez más, con el mismo id.",
        "A rede traz o SEND de {user} ao servidor mais uma vez, com o mesmo id."),
        2, "The `id` makes a retry idempotent."),
    (Kind::Synced, three(
        "The server gives it number {number} and writes it to its log; after the sync it is durable.",
        "El servidor le da el número {number} y lo escribe en su registro; tras la sincronización es durable.",
        "O servidor lhe dá o número {number} e a grava em seu registro; após a sincronização ela é durável."),
        1, "the message is durable, at this time, with this number."),
    (Kind::Answered, three(
        "Only now the OK leaves for {user}: RECEIVED.",
        "Solo ahora sale el OK para {user}: RECEIVED.",
        "Só agora o OK sai para {user}: RECEIVED."),
        6, "each is answered when it is durable."),
    (Kind::AnswerLost, three(
        "The OK never reaches {user}'s client, which cannot know whether the server has the message.",
        "El OK no llega al cliente de {user}, que no puede saber si el servidor tiene el mensaje.",
        "O OK não chega ao cliente de {user}, que não pode saber se o servidor tem a mensagem."),
        5, UNKNOWN),
    (Kind::Retried, three(
        "{user}'s client sends it again, under the same id.",
        "El cliente de {user} lo envía otra vez, con el mismo id.",
        "O cliente de {user} a envia outra vez, com o mesmo id."),
        2, "The `id` makes a retry idempotent."),
    (Kind::AnsweredAgain, three(
        "The server has it already, stores nothing, and gives {user} the very same OK.",
        "El servidor ya lo tiene, no guarda nada y da a {user} exactamente el mismo OK.",
        "O servidor já a tem, não guarda nada e dá a {user} exatamente o mesmo OK."),
        2, RETRY),
    (Kind::Offered, three(
        "The server sends it to {user}.",
        "El servidor lo envía a {user}.",
        "O servidor a envia a {user}."),
        3, "A message has the same number in SEND's reply, in HISTORY and in its event, for every user."),
    (Kind::OfferLost, three(
        "The server sends it to {user}, but the connection was dead at the other end (half-open): it does not arrive.",
        "El servidor lo envía a {user}, pero la conexión estaba muerta en el otro extremo (medio abierta): no llega.",
        "O servidor a envia a {user}, mas a conexão estava morta na outra ponta (meio aberta): ela não chega."),
        2, KEPT),
    (Kind::OfferKept, three(
        "The server sends it to {user}, and the network loses it: it does not arrive.",
        "El servidor lo envía a {user} y la red lo pierde: no llega.",
        "O servidor a envia a {user} e a rede a perde: ela não chega."),
        2, AGAIN),
    (Kind::OfferedAgain, three(
        "The server sends it to {user} again, under the same number, since it was not acknowledged.",
        "El servidor lo envía otra vez a {user}, con el mismo número, porque no había acuse de recibo.",
        "O servidor a envia outra vez a {user}, com o mesmo número, pois não houve confirmação."),
        2, AGAIN),
    (Kind::OfferedErased, three(
        "The server sends it to {user} without its text: it was taken back.",
        "El servidor lo envía a {user} sin su texto: fue retirado.",
        "O servidor a envia a {user} sem o seu texto: ela foi retirada."),
        1, "A message that still waits comes under its number."),
    (Kind::Disconnected, three(
        "{user}'s connection ends before the acknowledgement; the message stays in the mailbox.",
        "La conexión de {user} termina antes del acuse de recibo; el mensaje sigue en el buzón.",
        "A conexão de {user} termina antes da confirmação; a mensagem fica na caixa postal."),
        2, KEPT),
    (Kind::ShownToSender, three(
        "The server sends it to {user}, too: a message of the sender's own, for each of the sender's devices.",
        "El servidor lo envía también a {user}: es un mensaje propio, para cada dispositivo del remitente.",
        "O servidor a envia também a {user}: é uma mensagem própria, para cada dispositivo do remetente."),
        3, "Such a message of the user's own counts in no quota and makes no receipt."),
    (Kind::Delivered, three(
        "{user}'s client has stored it, and acknowledges it: DELIVERED.",
        "El cliente de {user} lo ha guardado y lo confirma: DELIVERED.",
        "O cliente de {user} a guardou e a confirma: DELIVERED."),
        2, "it removes the events from the user's mailbox and makes the messages among them DELIVERED."),
    (Kind::StoredToo, three(
        "{user} has stored it, too, and acknowledges it: it was DELIVERED already.",
        "{user} también lo ha guardado y lo confirma: ya estaba DELIVERED.",
        "{user} também a guardou e a confirma: já estava DELIVERED."),
        2, "The number of the user is the highest that any device has acknowledged."),
    (Kind::ToldDelivered, three(
        "The server tells {user} that it was delivered.",
        "El servidor avisa a {user} de que fue entregado.",
        "O servidor avisa a {user} que ela foi entregue."),
        6, RECEIPT),
    (Kind::Read, three(
        "{user} has read it: READ.",
        "{user} lo ha leído: READ.",
        "{user} a leu: READ."),
        4, "READ says that the user has read everything in a conversation up to a number."),
    (Kind::ToldRead, three(
        "The server tells {user} that it was read.",
        "El servidor avisa a {user} de que fue leído.",
        "O servidor avisa a {user} que ela foi lida."),
        4, "all messages of the user to that target, up to the number `upto`, have reached the state."),
    (Kind::ServerKilled, three(
        "The server is killed.",
        "El servidor muere de golpe.",
        "O servidor é morto."),
        0, UNKNOWN),
    (Kind::Recovered, three(
        "The server starts again: its log brings back everything up to number {number}.",
        "El servidor arranca otra vez: su registro devuelve todo hasta el número {number}.",
        "O servidor arranca outra vez: seu registro traz de volta tudo até o número {number}."),
        1, RETRY),
    (Kind::ClientKilled, three(
        "{user}'s client is killed.",
        "El cliente de {user} muere de golpe.",
        "O cliente de {user} é morto."),
        0, AGAIN),
    (Kind::Waits, three(
        "It waits for {user}.",
        "Espera a {user}.",
        "Ela espera por {user}."),
        2, KEPT),
    (Kind::Erased, three(
        "It was taken back: its text is erased.",
        "Fue retirado: su texto está borrado.",
        "Foi retirada: seu texto está apagado."),
        1, "Its row stays, with number, id, sender, time and states, and counts as before;"),
];

/// The names of the promises, from the first.
const PROMISES: [Three; 8] = [
    three("durability", "durabilidad", "durabilidade"),
    three("exactly-once delivery", "entrega exactamente una vez", "entrega exatamente uma vez"),
    three("total order", "orden total", "ordem total"),
    three("monotonic states", "estados monótonos", "estados monotônicos"),
    three("KO means that it did not happen", "KO significa que no ocurrió", "KO significa que não aconteceu"),
    three("output commit", "confirmación antes de la salida", "confirmação antes da saída"),
    three("isolation", "aislamiento", "isolamento"),
    three("integrity", "integridad", "integridade"),
];

impl Step {
    pub fn new(at: Timestamp, kind: Kind, user: impl ToString, number: u64) -> Self {
        Self { at, kind, user: user.to_string(), number }
    }

    pub fn text(&self, language: Language) -> String {
        let text = self.row().map_or("", |(_, text, _, _)| text.text(language));
        text.replace("{user}", &self.user).replace("{number}", &self.number.to_string())
    }

    /// Returns the promise and the sentence of the protocol.
    pub fn shows(&self, language: Language) -> String {
        let Some((_, _, promise, clause)) = self.row() else { return String::new() };
        let name = PROMISES.get(usize::from(*promise).wrapping_sub(1)).map(|name| name.text(language));
        let word = three("promise", "promesa", "promessa").text(language);
        let promise = name.map_or(String::new(), |name| format!("{word} {promise}, {name}; "));
        let section = three("section", "sección", "seção").text(language);
        format!("{promise}{section} {}: \"{clause}\"", section_of(clause))
    }

    fn row(&self) -> Option<&'static Row> {
        ROWS.iter().find(|(kind, ..)| *kind == self.kind)
    }
}
