//! The table of phrases: English, Spanish, Portuguese, always in this order.

use std::fmt;

use super::{Language, Value};

/// Makes the enum of all phrases and what writes them from one table.
macro_rules! phrases {
    ($($name:ident $({ $($value:ident),+ })?: $en:literal, $es:literal, $pt:literal;)+) => {
        /// Something to say, with its values. It is written in the language of the program.
        #[derive(Clone, Copy)]
        pub enum Phrase<'a> {
            $($name $({ $($value: Value<'a>),+ })?,)+
        }

        impl Phrase<'_> {
            /// Writes the phrase in this language.
            pub fn write(&self, language: Language, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$name $({ $($value),+ })? => match language {
                        Language::En => write!(f, $en),
                        Language::Es => write!(f, $es),
                        Language::Pt => write!(f, $pt),
                    },)+
                }
            }
        }

        /// Each phrase, by its name, with the names of its values in their places: for tests.
        pub fn samples() -> Vec<(&'static str, Phrase<'static>)> {
            vec![$((stringify!($name), Phrase::$name $({ $($value: &concat!("<", stringify!($value), ">")),+ })?)),+]
        }
    };
}

impl fmt::Display for Phrase<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(Language::current(), f)
    }
}

phrases! {
    // Rooms.
    JoinedRoom { user, room }: "{user} joined {room}", "{user} ha entrado en {room}", "{user} entrou em {room}";
    LeftRoom { user, room }: "{user} left {room}", "{user} ha salido de {room}", "{user} saiu de {room}";
    YouJoined { room }: "you are in {room}; what you write goes there",
        "estás en {room}; lo que escribas va allí", "você está em {room}; o que você escrever vai para lá";
    YouLeft { room }: "you are no longer in {room}", "ya no estás en {room}", "você não está mais em {room}";
    WhichRoom { verb }: "which room? {verb} #room; the current chat is none",
        "¿qué sala? {verb} #sala; el chat actual no es una sala",
        "qual sala? {verb} #sala; a conversa atual não é uma sala";
    NoRooms: "there are no rooms yet; /join #room makes one",
        "todavía no hay salas; /join #sala crea una", "ainda não há salas; /join #sala cria uma";
    RoomMembers { room, members }: "{room}, members: {members}", "{room}, miembros: {members}", "{room}, membros: {members}";
    RoomMembersAndYou { room, members }: "{room}, members: {members}; you are one",
        "{room}, miembros: {members}; tú eres uno", "{room}, membros: {members}; você é um";
    RoomMembersAndInvited { room, members }: "{room}, members: {members}; you are invited: /join {room}",
        "{room}, miembros: {members}; te han invitado: /join {room}",
        "{room}, membros: {members}; convidaram você: /join {room}";
    OwnedBy { user }: "owner: {user}", "dueño: {user}", "dono: {user}";
    OwnedByYou: "it is yours", "es tuya", "é sua";
    HasTopic { topic }: "topic: {topic}", "tema: {topic}", "tópico: {topic}";
    TopicOf { room, topic }: "topic of {room}: {topic}", "tema de {room}: {topic}", "tópico de {room}: {topic}";
    NoTopic { room }: "{room} has no topic", "{room} no tiene tema", "{room} não tem tópico";
    OpenToAll { room }: "{room} is open to everybody now",
        "{room} está ahora abierta a todos", "{room} está agora aberta a todos";
    ByInvitation { room }: "{room} is by invitation only now",
        "en {room} ahora solo se entra por invitación", "em {room} agora só se entra por convite";
    Owns { user, room }: "{user} owns {room} now", "{room} es ahora de {user}", "{room} agora é de {user}";
    YouOwn { room }: "you own {room} now", "{room} es ahora tuya", "{room} agora é sua";
    NobodyOwns { room }: "nobody owns {room} now", "{room} ya no es de nadie", "{room} não é mais de ninguém";
    RoomChanged { room, rights }: "{room} has been changed: {rights}",
        "{room} ha cambiado: {rights}", "{room} mudou: {rights}";
    InvitedTo { user, room }: "{user} invites you to {room}; /join {room} goes there",
        "{user} te invita a {room}; /join {room} entra en ella", "{user} convida você para {room}; /join {room} entra nela";
    UserInvited { user, room }: "{user} is invited to {room}",
        "{user} tiene una invitación a {room}", "{user} tem um convite para {room}";
    UserKicked { user, room }: "{user} is put out of {room}; /invite {room} {user} allows to return",
        "{user} está fuera de {room}; /invite {room} {user} permite volver",
        "{user} está fora de {room}; /invite {room} {user} permite voltar";
    Kicked { room }: "you are no longer in {room}: its owner has put you out; your history of it stays here",
        "ya no estás en {room}: te ha echado quien la lleva; tu historial de ella sigue aquí",
        "você não está mais em {room}: o dono tirou você; seu histórico dela continua aqui";
    IsNotIn: "you are not in it", "no estás en ella", "você não está nela";
    NeedsInvitation { room }: "{room} needs an invitation; its owner sends one with /invite",
        "para {room} hace falta una invitación; la envía quien la lleva, con /invite",
        "para {room} é preciso um convite; o dono o envia com /invite";
    NotYourRoom { room }: "{room} is not yours, and only its owner can do that; /rooms names the owner",
        "{room} no es tuya, y eso solo puede hacerlo quien la lleva; /rooms dice quién es",
        "{room} não é sua, e só o dono pode fazer isso; /rooms diz quem é";
    RoomOfOthers { room }: "{room} is a room of others that you are not invited to; choose another name",
        "{room} es una sala de otros a la que no te han invitado; elige otro nombre",
        "{room} é uma sala de outros para a qual não convidaram você; escolha outro nome";
    StaysByInvitation { room }: "{room} stays by invitation only, since something was said there; /room #other open makes an open one",
        "en {room} se sigue entrando solo por invitación, porque ya se ha hablado allí; /room #otra abierta crea una abierta",
        "em {room} continua-se entrando só por convite, porque já se falou ali; /room #outra aberta cria uma aberta";
    OwnerNotMember { user, room }: "{user} is not in {room}, and only a member can own it; /invite {room} {user} first",
        "{user} no está en {room}, y solo puede llevarla un miembro; primero /invite {room} {user}",
        "{user} não está em {room}, e só um membro pode ser o dono; primeiro /invite {room} {user}";
    NoOwnersHere: "on this server rooms have no owners, topics and invitations: it is an older one",
        "en este servidor las salas no tienen dueños, temas ni invitaciones: es más antiguo",
        "neste servidor as salas não têm donos, tópicos nem convites: ele é mais antigo";
    CaughtUp { count, target }: "fetched from the server, {target}: {count}; /history {target} shows them",
        "traídos del servidor, {target}: {count}; /history {target} los muestra",
        "trazidas do servidor, {target}: {count}; /history {target} as mostra";
    Gap { max, target }: "up to {max} messages in {target} while you were away are with the server only",
        "hasta {max} mensajes en {target} mientras no estabas, que solo tiene el servidor",
        "até {max} mensagens em {target} enquanto você estava fora, que só o servidor tem";
    Completing { count }: "fetching what your history lacks: {count} messages so far",
        "trayendo lo que falta en tu historial: {count} mensajes hasta ahora",
        "buscando o que falta no seu histórico: {count} mensagens até agora";
    Completed { count }: "{count} messages that your history lacked are in it now",
        "{count} mensajes que faltaban ya están en tu historial",
        "{count} mensagens que faltavam já estão no seu histórico";
    DamagedMessage { target, numbers }: "{target}: message {numbers} is damaged on the server",
        "{target}: el mensaje {numbers} está dañado en el servidor",
        "{target}: a mensagem {numbers} está danificada no servidor";
    JoinFirst { room }: "you are not in {room}; /join {room} first",
        "no estás en {room}; primero /join {room}", "você não está em {room}; primeiro /join {room}";
    JoinMakes { room }: "there is no room {room}; /join {room} makes it",
        "no existe la sala {room}; /join {room} la crea", "a sala {room} não existe; /join {room} a cria";

    RoomMeant { room, known }: "there is no room {room} yet; did you mean {known}? /join {known} goes there, /join {room} new makes a new one",
        "todavía no existe la sala {room}; ¿querías decir {known}? /join {known} entra en ella, /join {room} nueva crea otra",
        "a sala {room} ainda não existe; você quis dizer {known}? /join {known} entra nela, /join {room} nova cria outra";

    // Lines that were typed.
    LineTooLong: "the line is too long; nothing of it was sent",
        "la línea es demasiado larga; no se ha enviado nada de ella", "a linha é longa demais; nada dela foi enviado";
    LineNotText: "the line is not UTF-8; nothing of it was sent",
        "la línea no es UTF-8; no se ha enviado nada de ella", "a linha não é UTF-8; nada dela foi enviado";
    PasteLines { lines, yes }: "paste {lines} lines? [{yes}/N] ",
        "¿pegar {lines} líneas? [{yes}/N] ", "colar {lines} linhas? [{yes}/N] ";
    HowToLeave: "Ctrl-D or /quit leaves", "Ctrl-D o /quit para salir", "Ctrl-D ou /quit para sair";
    PasteTooLong { most }: "not pasted: more than {most} bytes",
        "no pegado: más de {most} bytes", "não colado: mais de {most} bytes";
    AtForm: "@<user>: <text>", "@<usuario>: <texto>", "@<usuário>: <texto>";
    TheForm { form }: "the form is: {form}", "la forma es: {form}", "a forma é: {form}";
    NoCommand { verb }: "there is no command {verb}; /help lists those there are",
        "no existe el comando {verb}; /help enumera los que hay",
        "não existe o comando {verb}; /help lista os que existem";
    DidYouMean { verb, known }: "there is no command {verb}; did you mean {known}?",
        "no existe el comando {verb}; ¿querías decir {known}?", "não existe o comando {verb}; você quis dizer {known}?";
    NotAText { most }: "not sent: a message has no control characters and at most {most} bytes",
        "no enviado: un mensaje no lleva caracteres de control y tiene como mucho {most} bytes",
        "não enviado: uma mensagem não leva caracteres de controle e tem no máximo {most} bytes";
    NotAName { text }: "{text} is not a name; nothing was done",
        "{text} no es un nombre; no se ha hecho nada", "{text} não é um nome; nada foi feito";
    NotATopic { most }: "a topic has no control characters and at most {most} bytes",
        "un tema no lleva caracteres de control y tiene como mucho {most} bytes",
        "um tópico não leva caracteres de controle e tem no máximo {most} bytes";
    EmptyMessage: "an empty message is not sent",
        "un mensaje vacío no se envía", "uma mensagem vazia não é enviada";
    WordMeant { word, known }: "not sent: did you mean {known}? Type {word} once more to send it as a message",
        "no enviado: ¿querías decir {known}? Escribe {word} otra vez para enviarlo como mensaje",
        "não enviado: você quis dizer {known}? Digite {word} outra vez para enviar como mensagem";
    TooHasty { text }: "not sent, since it was typed for a chat that did not come about: {text}",
        "no enviado, porque se escribió para un chat que no se abrió: {text}",
        "não enviado, porque foi digitado para uma conversa que não se abriu: {text}";
    NobodyWrote: "nobody has written to you alone yet",
        "nadie te ha escrito todavía a ti solo", "ninguém escreveu ainda só para você";
    AwayBegun: "who writes to you alone is answered once from now on, until /away or the end of this client",
        "a quien te escriba a ti solo se le responde una vez, hasta /away o hasta que cierres este cliente",
        "quem escrever só para você recebe uma resposta, uma vez, até /away ou até você fechar este cliente";
    AwayEnded: "nobody is answered automatically any more",
        "ya no se responde automáticamente a nadie", "ninguém mais recebe resposta automática";
    NotAway: "nobody is answered automatically; /away <text> begins that",
        "no se responde automáticamente a nadie; /away <texto> empieza a hacerlo",
        "ninguém recebe resposta automática; /away <texto> começa a fazer isso";
    AtTerminalOnly: "that is for a terminal only", "eso es solo para una terminal", "isso é só para um terminal";

    // Finding.
    NothingFound: "nothing found in the history that is here",
        "no hay nada así en el historial de aquí", "nada encontrado no histórico daqui";
    NothingUnread: "you have read everything", "lo has leído todo", "você leu tudo";
    Unread { target, count, last }: "{target}: {count} not read, the last one from {last}",
        "{target}: {count} sin leer, el último de {last}", "{target}: {count} por ler, a última de {last}";
    NoSuchUser { user }: "there is no user {user}", "no hay ningún usuario {user}", "não há nenhum usuário {user}";
    SharedRooms { rooms }: "with you in {rooms}", "contigo en {rooms}", "com você em {rooms}";
    Ignored { user }: "what {user} says is hidden now; it is received and stays in the history, and /ignore {user} shows it again",
        "lo que diga {user} se oculta; se recibe y queda en el historial, y /ignore {user} lo vuelve a mostrar",
        "o que {user} disser fica oculto; é recebido e fica no histórico, e /ignore {user} volta a mostrar";
    NotIgnored { user }: "what {user} says is shown again",
        "lo que diga {user} se vuelve a mostrar", "o que {user} disser volta a ser mostrado";
    IsIgnored { user }: "what {user} says is hidden",
        "lo que dice {user} está oculto", "o que {user} diz está oculto";
    NobodyIgnored: "nobody is hidden", "no ocultas a nadie", "ninguém está oculto";
    Online { user }: "{user} online", "{user} en línea", "{user} está online";
    Offline { user }: "{user} offline", "{user} desconectado", "{user} está offline";
    OfflineSince { user, seen }: "{user} offline since {seen}",
        "{user} desconectado desde {seen}", "{user} está offline desde {seen}";

    ReadBy { room, read, delivered, all }: "{room}: read by {read} of {all}, delivered to {delivered}",
        "{room}: leído por {read} de {all}, entregado a {delivered}", "{room}: lido por {read} de {all}, entregue a {delivered}";

    // The full screen.
    DirectTitle { peer }: "{peer} · direct chat, without the server; /close ends it",
        "{peer} · chat directo, sin el servidor; /close lo termina",
        "{peer} · conversa direta, sem o servidor; /close a encerra";
    IsMuted: "muted", "silenciado", "silenciado";
    IsOnline: "online", "en línea", "conectado";
    NothingOpen { key }: "no chat is open: {key} finds one, /query or /join begins one",
        "no hay ningún chat abierto: {key} busca uno, /query o /join empieza uno",
        "nenhuma conversa está aberta: {key} procura uma, /query ou /join começa uma";
    PasteQuestion { lines }: "insert {lines} lines? Enter or y inserts them, any other key does not",
        "¿insertar {lines} líneas? Enter o s las inserta, cualquier otra tecla no",
        "inserir {lines} linhas? Enter ou s as insere, qualquer outra tecla não";
    JumpPrompt: "go to:", "ir a:", "ir a:";
    SearchHere: "search here:", "buscar aquí:", "procurar aqui:";
    SearchHit { number, count }: "search here, {number} of {count}:", "buscar aquí, {number} de {count}:", "procurar aqui, {number} de {count}:";
    NoHit: "search here, nothing found:", "buscar aquí, no hay nada:", "procurar aqui, nada encontrado:";
    ListHint: "list: Enter opens, Esc back, / filters, Del takes an empty chat off",
        "lista: Enter abre, Esc vuelve, / filtra, Supr quita un chat vacío",
        "lista: Enter abre, Esc volta, / filtra, Del tira uma conversa vazia";
    DraftAside: "Up brings back the text that you had begun here",
        "Arriba recupera el texto que habías empezado aquí", "Para cima recupera o texto que você tinha começado aqui";
    NotLeft { room }: "{room} stays in the list while you are a member: /leave leaves it",
        "{room} se queda en la lista mientras seas miembro: /leave la deja",
        "{room} fica na lista enquanto você é membro: /leave a deixa";
    DirectNotHeld: "✗ not confirmed; /resend sends it through the server",
        "✗ sin confirmar; /resend lo envía por el servidor", "✗ não confirmada; /resend a envia pelo servidor";
    NotEmpty { target }: "{target} stays in the list: only an empty chat can be taken off",
        "{target} se queda en la lista: solo se puede quitar un chat vacío",
        "{target} fica na lista: só se pode tirar uma conversa vazia";
    MouseOn { key }: "the mouse opens chats and scrolls; to copy, hold Shift while you select, or press {key}",
        "el ratón abre chats y desplaza; para copiar, mantén Mayús mientras seleccionas, o pulsa {key}",
        "o mouse abre conversas e rola; para copiar, segure Shift ao selecionar, ou aperte {key}";
    MouseOff { key }: "the mouse selects text to copy; {key} lets it open chats and scroll again",
        "el ratón selecciona texto para copiar; {key} le deja abrir chats y desplazar otra vez",
        "o mouse seleciona texto para copiar; {key} o deixa abrir conversas e rolar de novo";
    SearchEverywhere: "search everywhere:", "buscar en todos:", "procurar em todas:";
    NewestBelow { key }: "newer messages below: {key}", "hay mensajes más nuevos abajo: {key}", "há mensagens mais novas abaixo: {key}";
    HelpHint: "F1 help", "F1 ayuda", "F1 ajuda";
    StatusConnected { user, server }: "{user} at {server}", "{user} en {server}", "{user} em {server}";
    StatusWaits { user, seconds }: "{user}: reconnecting in {seconds} s", "{user}: reconexión en {seconds} s", "{user}: reconexão em {seconds} s";
    StatusConnects { user, server }: "{user}: connecting to {server}", "{user}: conectando con {server}", "{user}: conectando com {server}";
    StatusQueued { count }: "{count} queued", "{count} en espera", "{count} na fila";
    StatusDirect { peer }: "direct chat with {peer}", "chat directo con {peer}", "conversa direta com {peer}";
    NewMessages: "new", "nuevo", "novo";
    Hole { max, key }: "up to {max} messages are on the server only; {key} loads them",
        "hasta {max} mensajes están solo en el servidor; {key} los carga",
        "até {max} mensagens estão só no servidor; {key} as carrega";

    Muted { target }: "no bell and no notices for {target}; /mute {target} again turns them on",
        "sin timbre ni avisos de {target}; otro /mute {target} los activa",
        "sem som nem avisos de {target}; outro /mute {target} os ativa";
    NotMuted { target }: "bell and notices for {target} are on",
        "el timbre y los avisos de {target} están activados", "o som e os avisos de {target} estão ativados";

    // The connection.
    ConnectedAs { server, user }: "connected to {server} as {user}; /help lists the commands",
        "conectado a {server} como {user}; /help dice lo que se puede escribir",
        "conectado a {server} como {user}; /help diz o que se pode digitar";
    Connected { server }: "connected to {server}", "conectado a {server}", "conectado a {server}";
    AwayFrom { server }: "away from {server}", "sin conexión con {server}", "sem conexão com {server}";
    AwayAtStart: "is the server running? wachat serve starts one here; --server, --send-port and --recv-port name another",
        "¿está en marcha el servidor? wachat serve inicia uno aquí; --server, --send-port y --recv-port indican otro",
        "o servidor está rodando? wachat serve inicia um aqui; --server, --send-port e --recv-port indicam outro";
    ServerAway { why }: "the server is away ({why}); what you write waits in the outbox",
        "el servidor no está ({why}); lo que escribas espera en la bandeja de salida",
        "o servidor não está disponível ({why}); o que você escrever espera na caixa de saída";
    Away: "the server is away", "el servidor no está", "o servidor não está disponível";
    OtherStore: "the server's store is another than last time: restored from a backup, or made anew; your history stays, and what was sent since that backup may be unknown there",
        "el almacén del servidor no es el de la última vez: se ha restaurado de una copia o se ha hecho de nuevo; tu historial se conserva, y puede que allí no se sepa de lo enviado desde esa copia",
        "o armazém do servidor não é o da última vez: foi restaurado de um backup ou feito de novo; seu histórico continua, e talvez lá não se saiba do que foi enviado desde esse backup";
    ConnectionBroke { error }: "the connection broke: {error}",
        "se cortó la conexión: {error}", "a conexão caiu: {error}";
    NoAddress: "the name stands for no address",
        "el nombre no corresponde a ninguna dirección", "o nome não corresponde a nenhum endereço";
    Strange: "the server's answer is not of the protocol's form",
        "la respuesta del servidor no tiene la forma del protocolo",
        "a resposta do servidor não tem a forma do protocolo";
    ServerClosed: "the server closed the connection", "el servidor cerró la conexión", "o servidor fechou a conexão";
    ServerLate: "the server did not answer in time",
        "el servidor no respondió a tiempo", "o servidor não respondeu a tempo";
    ServerTooLong: "the server sent a line that is too long",
        "el servidor envió una línea demasiado larga", "o servidor enviou uma linha longa demais";
    NoTls { server }: "{server} does not speak TLS; leave out --tls",
        "{server} no habla TLS; quita --tls", "{server} não fala TLS; tire --tls";
    NoCertificate { server }: "{server} has shown no certificate",
        "{server} no ha mostrado ningún certificado", "{server} não mostrou nenhum certificado";
    NotVouched { server, why }: "no authority of --ca vouches for the certificate of {server}: {why}",
        "ninguna autoridad de --ca responde por el certificado de {server}: {why}",
        "nenhuma autoridade de --ca responde pelo certificado de {server}: {why}";
    NoKnownServers { path, error }: "the known certificates cannot be read or written ({path}): {error}",
        "no se pueden leer o escribir los certificados conocidos ({path}): {error}",
        "não é possível ler ou gravar os certificados conhecidos ({path}): {error}";
    UnknownLeader { server }: "it names another server, {server}, which is none of those that you have named with --server; in clear text it is not followed",
        "nombra otro servidor, {server}, que no es ninguno de los que has indicado con --server; en texto claro no se le sigue",
        "ele indica outro servidor, {server}, que não é nenhum dos que você indicou com --server; em texto claro ele não é seguido";
    FirstCertificate { server, shown, path }: "first connection to {server}, whose certificate is {shown}; compare it with the one that the server has printed; it is noted in {path}",
        "primera conexión con {server}, cuyo certificado es {shown}; compáralo con el que ha mostrado el servidor; queda anotado en {path}",
        "primeira conexão com {server}, cujo certificado é {shown}; compare com o que o servidor mostrou; fica anotado em {path}";
    CertificateChanged { server, known, shown, line, path }: "THE CERTIFICATE OF {server} HAS CHANGED. It was {known} and is {shown}. Another machine may pretend to be the server: nothing was sent. Ask its administrator; if the new one is right, remove the line of {line} from {path}",
        "EL CERTIFICADO DE {server} HA CAMBIADO. Era {known} y es {shown}. Otra máquina puede hacerse pasar por el servidor: no se ha enviado nada. Pregunta a quien lo administra; si el nuevo es correcto, quita la línea de {line} de {path}",
        "O CERTIFICADO DE {server} MUDOU. Era {known} e é {shown}. Outra máquina pode se passar pelo servidor: nada foi enviado. Pergunte a quem o administra; se o novo estiver certo, tire a linha de {line} de {path}";
    ForgottenTls { server, line, path }: "{server} speaks TLS, as {path} says: nothing was sent in clear text; connect with --tls. If the server has given TLS up, remove the line of {line} from that file",
        "{server} habla TLS, como dice {path}: no se ha enviado nada sin cifrar; conéctate con --tls. Si el servidor ha dejado TLS, quita la línea de {line} de ese archivo",
        "{server} fala TLS, como diz {path}: nada foi enviado sem cifra; conecte com --tls. Se o servidor deixou o TLS, tire a linha de {line} desse arquivo";
    ClearText { server }: "without --tls, who listens to the network on the way to {server} reads your password and all messages",
        "sin --tls, quien escucha la red en el camino a {server} lee tu contraseña y todos los mensajes",
        "sem --tls, quem escuta a rede no caminho até {server} lê sua senha e todas as mensagens";
    Refused { why }: "the server refused the login: {why}",
        "el servidor no admite el acceso: {why}", "o servidor recusou o acesso: {why}";
    RefusedNew { why }: "the server refused the login: {why}; if you are new here, wachat connect --register makes an account",
        "el servidor no admite el acceso: {why}; si eres nuevo aquí, wachat connect --register crea una cuenta",
        "o servidor recusou o acesso: {why}; se você é novo aqui, wachat connect --register cria uma conta";
    NameTaken: "the name is taken, and this is not its password",
        "el nombre está ocupado, y esta no es su contraseña", "o nome já existe, e esta não é a senha dele";
    LoggedOut: "this connection was closed by another one of yours (by LOGOUT, or with a new password), or by the administrator",
        "esta conexión la ha cerrado otra tuya (con LOGOUT, o al cambiar la contraseña), o quien administra el servidor",
        "esta conexão foi fechada por outra sua (com LOGOUT, ou ao mudar a senha), ou por quem administra o servidor";
    Announcement { text }: "to everybody, from the administrator of the server: {text}",
        "a todos, de quien administra el servidor: {text}", "a todos, de quem administra o servidor: {text}";
    OpenSession { number, port, address, since }: "{number}: {port} from {address} since {since}",
        "{number}: {port} desde {address}, activa desde {since}", "{number}: {port} de {address}, ativa desde {since}";
    ThisSession { number, port, address, since }: "{number}: {port} from {address} since {since}, this one",
        "{number}: {port} desde {address}, activa desde {since}, esta misma",
        "{number}: {port} de {address}, ativa desde {since}, esta mesma";
    SessionsClosed: "closed", "cerrado", "fechado";
    KeyEnded: "this device was forgotten, or its key has ended: it logs in with the password again; drafts and outbox stay",
        "este dispositivo se ha olvidado, o su clave ya no vale: vuelve a entrar con la contraseña; los borradores y la bandeja de salida se conservan",
        "este dispositivo foi esquecido, ou sua chave já não vale: ele volta a entrar com a senha; os rascunhos e a caixa de saída continuam";
    NoDevicesThere: "this server has no devices: the password is needed; the key of this device is kept",
        "este servidor no tiene dispositivos: hace falta la contraseña; la clave de este dispositivo se conserva",
        "este servidor não tem dispositivos: é preciso a senha; a chave deste dispositivo é guardada";
    NoKey { why }: "this device stays without a key, and the next start needs the password: {why}",
        "este dispositivo se queda sin clave, y al abrirlo de nuevo hará falta la contraseña: {why}",
        "este dispositivo fica sem chave, e ao abri-lo de novo será preciso a senha: {why}";
    NoDeviceFile { path, error }: "the name of this device cannot be read or written ({path}): {error}",
        "no se puede leer o escribir el nombre de este dispositivo ({path}): {error}",
        "não é possível ler ou gravar o nome deste dispositivo ({path}): {error}";
    TooManyDevices: "you have used 8 devices within a day, the limit; /forget one of them, or name this one as another with --device",
        "has usado 8 dispositivos en un día, el límite; olvida uno con /forget, o da a este el nombre de otro con --device",
        "você usou 8 dispositivos em um dia, o limite; esqueça um com /forget, ou dê a este o nome de outro com --device";
    DeviceForgotten: "the server had forgotten this device, or it was away for too long; its history is completed",
        "el servidor había olvidado este dispositivo, o estuvo fuera demasiado tiempo; se completa su historial",
        "o servidor tinha esquecido este dispositivo, ou ele ficou fora tempo demais; seu histórico está sendo completado";
    MayBeginAnew { device }: "the server has forgotten this device, {device}; it would be one of your devices again, and fetch what it lacks. Go on? [y/N] ",
        "el servidor ha olvidado este dispositivo, {device}; volvería a ser uno de tus dispositivos, y traería lo que le falta. ¿Seguir? [s/N] ",
        "o servidor esqueceu este dispositivo, {device}; ele voltaria a ser um dos seus dispositivos, e buscaria o que lhe falta. Continuar? [s/N] ";
    NotBegunAnew { device }: "{device} stays forgotten; its drafts and its outbox stay here, and --device names another device",
        "{device} sigue olvidado; sus borradores y su bandeja de salida se quedan aquí, y --device da otro nombre de dispositivo",
        "{device} continua esquecido; seus rascunhos e sua caixa de saída ficam aqui, e --device dá outro nome de dispositivo";
    DeviceRow { device, seen, how }: "{device}: last used {seen}, logs in with a {how}",
        "{device}: usado por última vez {seen}, entra con {how}", "{device}: usado pela última vez {seen}, entra com {how}";
    DeviceOnlineRow { device, how }: "{device}: online, logs in with a {how}",
        "{device}: en línea, entra con {how}", "{device}: online, entra com {how}";
    ThisDevice { row }: "{row}; this one", "{row}; este mismo", "{row}; este mesmo";
    NoDevices: "no device of yours has a name here", "ningún dispositivo tuyo tiene nombre aquí", "nenhum dispositivo seu tem nome aqui";
    Forgotten { device }: "{device} is forgotten, and its connections are closed",
        "{device} está olvidado, y sus conexiones cerradas", "{device} foi esquecido, e suas conexões fechadas";
    ForgetThis { device }: "{device} is this device: forget it on another one",
        "{device} es este dispositivo: olvídalo desde otro", "{device} é este dispositivo: esqueça-o em outro";
    NotADevice { text }: "{text} is not the name of a device; /devices lists yours",
        "{text} no es el nombre de un dispositivo; /devices enumera los tuyos",
        "{text} não é o nome de um dispositivo; /devices lista os seus";
    JoinedElsewhere { room }: "you have joined {room} on another device",
        "has entrado en {room} desde otro dispositivo", "você entrou em {room} em outro dispositivo";
    LeftElsewhere { room }: "you have left {room} on another device, or its owner has put you out; your history of it stays here",
        "has salido de {room} desde otro dispositivo, o te ha echado quien la lleva; tu historial de ella sigue aquí",
        "você saiu de {room} em outro dispositivo, ou o dono tirou você; seu histórico dela continua aqui";
    TookOver: "another session of yours took over",
        "otra sesión tuya ha tomado el relevo", "outra sessão sua assumiu o lugar desta";

    // People.
    ComesOnline { user }: "{user} is online", "{user} se ha conectado", "{user} ficou online";
    GoesOffline { user }: "{user} is offline", "{user} se ha desconectado", "{user} ficou offline";

    OnlineNow { users }: "online now: {users}", "en línea ahora: {users}", "online agora: {users}";
    OnlineNowAndMore { users, more }: "online now: {users} and {more} more",
        "en línea ahora: {users} y {more} más", "online agora: {users} e mais {more}";
    NobodyOnline: "nobody else is online now", "ahora no hay nadie más en línea", "ninguém mais está online agora";
    NewMeanwhile { list }: "new while you were away: {list}",
        "nuevo mientras no estabas: {list}", "novo enquanto você estava fora: {list}";
    NewInRoom { count, room }: "{count} in {room}", "{count} en {room}", "{count} em {room}";
    NewFromUser { count, user }: "{count} from {user}", "{count} de {user}", "{count} de {user}";
    NewElsewhere { count }: "{count} in other chats", "{count} en otros chats", "{count} em outras conversas";

    // The outbox, and how far messages have come.
    LeftFromLastTime { count }: "{count} in the outbox from last time",
        "{count} en la bandeja de salida desde la última vez", "{count} na caixa de saída desde a última vez";
    LeftForNextTime { count }: "{count} in the outbox, to be sent at the next start",
        "{count} en la bandeja de salida, para enviar la próxima vez",
        "{count} na caixa de saída, para enviar da próxima vez";
    InOutbox { count }: "{count} in the outbox", "{count} en la bandeja de salida", "{count} na caixa de saída";
    OutboxFull { messages, mib }: "not sent: the outbox is full ({messages} messages or {mib} MiB); it empties when the server is there: then send this again",
        "no enviado: la bandeja de salida está llena ({messages} mensajes o {mib} MiB); se vacía cuando está el servidor: entonces envíalo otra vez",
        "não enviado: a caixa de saída está cheia ({messages} mensagens ou {mib} MiB); ela se esvazia quando o servidor está disponível: então envie de novo";
    ConversationsFull { target, most }: "{target}: not kept here, since this client has {most} conversations, its limit; the messages stay with the server: read them with wachat history {target}",
        "{target}: no se guarda aquí, pues este cliente tiene {most} conversaciones, su límite; los mensajes siguen en el servidor: léelos con wachat history {target}",
        "{target}: não é guardado aqui, pois este cliente tem {most} conversas, o seu limite; as mensagens ficam no servidor: leia-as com wachat history {target}";
    Waits { target, why }: "what you wrote to {target} waits: {why}",
        "lo que escribiste a {target} espera: {why}", "o que você escreveu para {target} espera: {why}";
    NotSent { text, dash, why }: "{text} {dash} not sent: {why}", "{text} {dash} no enviado: {why}",
        "{text} {dash} não enviado: {why}";
    OthersBefore { text, others }: "{text} (and {others} before it)",
        "{text} (y {others} antes)", "{text} (e {others} antes)";
    NothingSent { target }: "you have sent nothing to {target} yet",
        "todavía no has enviado nada a {target}", "você ainda não enviou nada para {target}";
    NobodyWaitedFor: "nobody is waited for there", "allí no se espera a nadie", "ali não se espera por ninguém";
    TakenBack: "taken back", "retirado", "retirada";
    ErasedMessage { time, user }: "the message of {user} of {time} was taken back",
        "el mensaje de {user} de las {time} se ha retirado", "a mensagem de {user} das {time} foi retirada";
    ErasedInRoom { time, user, room }: "the message of {user} of {time} in {room} was taken back",
        "el mensaje de {user} de las {time} en {room} se ha retirado",
        "a mensagem de {user} das {time} em {room} foi retirada";
    ErasedMessages { user, target }: "earlier messages of {user} were taken back in the chat {target}",
        "se han retirado mensajes anteriores de {user} en el chat {target}",
        "mensagens anteriores de {user} foram retiradas na conversa {target}";
    EraseQueued { target }: "your message to {target} is not sent yet; take it back when it is",
        "tu mensaje a {target} aún no se ha enviado; retíralo cuando lo esté",
        "sua mensagem para {target} ainda não foi enviada; retire-a quando for";
    NothingToErase { user, target }: "there is no such message of {user} in the chat {target}; /history {target} shows the last ones",
        "no hay tal mensaje de {user} en el chat {target}; /history {target} muestra los últimos",
        "não há tal mensagem de {user} na conversa {target}; /history {target} mostra as últimas";
    EraseDirect: "that was said directly, without the server: it cannot be taken back",
        "eso se dijo directamente, sin el servidor: no se puede retirar",
        "isso foi dito diretamente, sem o servidor: não se pode retirar";
    EraseOwnOnly: "you can take back your own messages; those of others in a room of yours alone",
        "puedes retirar tus propios mensajes; los de otros solo en una sala tuya",
        "você pode retirar suas próprias mensagens; as de outros só em uma sala sua";
    EraseGone: "the server has no such message any more: nothing is taken back",
        "el servidor ya no tiene tal mensaje: no se retira nada",
        "o servidor já não tem tal mensagem: nada é retirado";
    EraseUnknown { target, why }: "no answer came, so it may be taken back or not ({why}); /history {target} shows it",
        "no llegó respuesta: puede que se haya retirado o no ({why}); /history {target} lo muestra",
        "nenhuma resposta chegou: pode ter sido retirada ou não ({why}); /history {target} mostra";
    EraseLate: "it is older than a day: it cannot be taken back any more",
        "tiene más de un día: ya no se puede retirar", "tem mais de um dia: já não se pode retirar";
    NoErasing: "this server is of an older version: nothing can be taken back there",
        "este servidor es de una versión anterior: allí no se puede retirar nada",
        "este servidor é de uma versão anterior: ali não se pode retirar nada";
    NothingThere: "nothing there yet", "todavía no hay nada", "ainda não há nada";
    NotAsked { why }: "not asked: {why}", "no preguntado: {why}", "não perguntado: {why}";
    TooManyQuestions: "too many questions wait for their answers; ask again later",
        "demasiadas preguntas esperan respuesta; pregunta más tarde",
        "perguntas demais esperam resposta; pergunte mais tarde";
    NoChat: "there is no current chat: choose one with /query <user>, or write @<user>: <text>",
        "no hay chat actual: elige uno con /query <usuario>, o escribe @<usuario>: <texto>",
        "não há conversa atual: escolha uma com /query <usuário>, ou escreva @<usuário>: <texto>";

    // Direct chats.
    DirectPrompt { peer }: "{peer} (direct)> ", "{peer} (directo)> ", "{peer} (direto)> ";
    DirectCalling { peer }: "calling {peer}", "llamando a {peer}", "chamando {peer}";
    DirectBegun { peer }: "direct chat with {peer}: what you type goes to {peer} without the server, until exit or /close",
        "chat directo con {peer}: lo que escribas va a {peer} sin el servidor, hasta exit o /close",
        "conversa direta com {peer}: o que você digitar vai para {peer} sem o servidor, até exit ou /close";
    DirectOffered { peer }: "{peer} has opened a direct chat with you; /p2p {peer} to answer in it",
        "{peer} ha abierto un chat directo contigo; /p2p {peer} para responder en él",
        "{peer} abriu uma conversa direta com você; /p2p {peer} para responder nela";
    DirectAsks { peer }: "{peer} wants to chat directly; /accept {peer} or /deny {peer}",
        "{peer} quiere hablar directamente contigo; /accept {peer} o /deny {peer}",
        "{peer} quer conversar diretamente com você; /accept {peer} ou /deny {peer}";
    DirectWaits { peer }: "{peer} has not accepted the direct chat yet: what you write waits until then",
        "{peer} aún no ha aceptado el chat directo: lo que escribas espera hasta entonces",
        "{peer} ainda não aceitou a conversa direta: o que você escrever espera até lá";
    DirectQuota { mib }: "more than {mib} MiB have come today", "hoy han llegado más de {mib} MiB", "hoje chegaram mais de {mib} MiB";
    DirectQuotaThere: "the other side takes no more from you today",
        "el otro lado no recibe más de ti hoy", "o outro lado não recebe mais de você hoje";
    DirectNotLetThrough { peer }: "{peer} wanted to chat directly and was not let through; /accept {peer} lets {peer} call you; /deny {peer} leaves it at that; /permit {peer} no refuses for good",
        "{peer} quería hablar directamente contigo y el servidor no le dejó; /accept {peer} le deja llamarte; /deny {peer} lo deja así; /permit {peer} no se lo niega para siempre",
        "{peer} queria conversar diretamente com você e o servidor não deixou; /accept {peer} deixa {peer} chamar você; /deny {peer} deixa como está; /permit {peer} não recusa para sempre";
    Denied { user }: "the call of {user} is ended; nothing was sent to the server, and nothing is kept",
        "la llamada de {user} ha terminado; no se ha enviado nada al servidor, y no se guarda nada",
        "a chamada de {user} foi encerrada; nada foi enviado ao servidor, e nada é guardado";
    NothingDenied { user }: "no call of {user} waits; nothing was sent to the server, and nothing is kept: {user} may try again",
        "no espera ninguna llamada de {user}; no se ha enviado nada al servidor, y no se guarda nada: {user} puede volver a intentarlo",
        "nenhuma chamada de {user} espera; nada foi enviado ao servidor, e nada é guardado: {user} pode tentar de novo";
    Permitted { user }: "{user} may call you for direct chats from now on",
        "{user} puede llamarte para chats directos desde ahora", "{user} pode chamar você para conversas diretas a partir de agora";
    NotPermitted { user }: "{user} may not call you for direct chats, and you are not told of attempts",
        "{user} no puede llamarte para chats directos, y no se te avisa si lo intenta",
        "{user} não pode chamar você para conversas diretas, e você não é avisado se tentar";
    PermittedRow { user }: "{user}: may call you", "{user}: puede llamarte", "{user}: pode chamar você";
    NotPermittedRow { user }: "{user}: may not call you", "{user}: no puede llamarte", "{user}: não pode chamar você";
    NobodyPermitted: "you have permitted and refused nobody: those may call you to whom you have written",
        "no has dejado ni negado nada a nadie: pueden llamarte aquellos a quienes has escrito",
        "você não permitiu nem recusou ninguém: podem chamar você aqueles a quem você escreveu";
    NoPermits: "this server is older: it knows no permits, and lets everybody call",
        "este servidor es más antiguo: no conoce permisos, y deja llamar a todos",
        "este servidor é mais antigo: não conhece permissões, e deixa todos chamarem";
    NoCallers: "nobody waits for a direct chat", "nadie espera un chat directo", "ninguém espera uma conversa direta";
    DirectOver { peer }: "the direct chat with {peer} is over; what you write to {peer} goes by way of the server",
        "el chat directo con {peer} ha terminado; lo que escribas a {peer} va por el servidor",
        "a conversa direta com {peer} acabou; o que você escrever para {peer} vai pelo servidor";
    DirectOverBecause { peer, why }: "the direct chat with {peer} is over ({why}); what you write to {peer} goes by way of the server",
        "el chat directo con {peer} ha terminado ({why}); lo que escribas a {peer} va por el servidor",
        "a conversa direta com {peer} acabou ({why}); o que você escrever para {peer} vai pelo servidor";
    DirectUnconfirmed { count, peer }: "{count} not confirmed by {peer}: /resend sends by way of the server what may not have arrived",
        "{count} sin confirmar por {peer}: /resend envía por el servidor lo que quizá no llegó",
        "{count} sem confirmação de {peer}: /resend envia pelo servidor o que talvez não tenha chegado";
    DirectLost { count }: "{count} said directly and not confirmed; not kept, and they may not have arrived",
        "{count} sin confirmar en chats directos; no se guardan, y quizá no llegaron",
        "{count} sem confirmação em conversas diretas; não ficam guardadas, e talvez não tenham chegado";
    DirectUnreachable { peer, why }: "{peer} cannot be reached directly ({why}); /query {peer} goes by way of the server",
        "no se puede llegar a {peer} directamente ({why}); /query {peer} va por el servidor",
        "não é possível chegar a {peer} diretamente ({why}); /query {peer} vai pelo servidor";
    DirectToYourself: "a direct chat is with another user, not with yourself",
        "un chat directo es con otra persona, no contigo", "uma conversa direta é com outra pessoa, não com você";
    NotOnline: "not online", "sin conexión", "não está online";
    TakesNoDirect: "online, but taking no direct chats now, or none from you",
        "en línea, pero no admite chats directos ahora, o no de ti",
        "está online, mas não aceita conversas diretas agora, ou não de você";
    DirectSlow: "not sent: the other side is slow; try again",
        "no enviado: el otro lado va lento; inténtalo de nuevo", "não enviado: o outro lado está lento; tente de novo";
    NoDirectHere: "there are no direct chats here (--no-p2p, or not at a terminal)",
        "aquí no hay chats directos (--no-p2p, o no es una terminal)",
        "aqui não há conversas diretas (--no-p2p, ou não é um terminal)";
    NoDirectOpen: "no direct chat is open",
        "no hay ningún chat directo abierto", "nenhuma conversa direta está aberta";
    NotDirect: "this is no direct chat; /p2p <user> opens one",
        "esto no es un chat directo; /p2p <usuario> abre uno",
        "isto não é uma conversa direta; /p2p <usuário> abre uma";
    AllConfirmed: "nothing that was said directly since the start waits for a confirmation",
        "todo lo que se dijo directamente está confirmado", "tudo o que foi dito diretamente está confirmado";
    NoAnswer: "no answer came", "no hubo respuesta", "não houve resposta";
    NoAnswerAt { address }: "{address}: no answer came",
        "{address}: no hubo respuesta", "{address}: não houve resposta";
    NoWachatAt { address }: "{address}: what answers there is no wachat",
        "{address}: lo que responde allí no es wachat", "{address}: o que responde ali não é wachat";
    DirectNoTls: "that client does not encrypt direct chats",
        "ese cliente no cifra los chats directos", "esse cliente não cifra as conversas diretas";
    DirectOtherCertificate: "another certificate came than the server has named",
        "llegó otro certificado que el que nombró el servidor", "veio outro certificado que não o indicado pelo servidor";
    PeerTooLong: "a line came that is too long", "llegó una línea demasiado larga", "chegou uma linha longa demais";
    PeerTakesNothing: "the other side takes nothing", "el otro lado no recibe nada", "o outro lado não recebe nada";

    // Beginning, and the client's files.
    PasswordOf { user }: "password of {user}: ", "contraseña de {user}: ", "senha de {user}: ";
    OldPassword: "current password: ", "contraseña de ahora: ", "senha atual: ";
    NewPassword: "new password: ", "nueva contraseña: ", "nova senha: ";
    PasswordRules { least }: "a new password has at least {least} characters and is not your name; it is not shown while you type, and an empty line leaves everything as it is",
        "una contraseña nueva tiene al menos {least} caracteres y no es tu nombre; no se muestra al escribirla, y una línea vacía deja todo como está",
        "uma senha nova tem pelo menos {least} caracteres e não é seu nome; ela não é mostrada ao digitar, e uma linha vazia deixa tudo como está";
    PasswordKept: "the password stays as it is", "la contraseña sigue igual", "a senha continua a mesma";
    WrongOldPassword: "that is not your current password; it stays as it is",
        "esa no es tu contraseña de ahora; sigue igual", "essa não é sua senha atual; ela continua a mesma";
    PasswordChanged: "the password is changed, and your other sessions have ended; --password-file and WACHAT_PASSWORD, if you use them, need the new one",
        "la contraseña ha cambiado, y tus otras sesiones han terminado; --password-file y WACHAT_PASSWORD, si los usas, necesitan la nueva",
        "a senha foi mudada, e suas outras sessões terminaram; --password-file e WACHAT_PASSWORD, se você os usa, precisam da nova";
    EmailSet { address }: "the server has your e-mail address: {address}",
        "el servidor tiene tu dirección de correo: {address}", "o servidor tem seu endereço de e-mail: {address}";
    EmailRemoved: "the server has no e-mail address of yours any more",
        "el servidor ya no tiene ninguna dirección de correo tuya", "o servidor não tem mais nenhum endereço de e-mail seu";
    NotAnEmail { text }: "{text} is not an e-mail address; /email none removes yours",
        "{text} no es una dirección de correo; /email ninguna quita la tuya",
        "{text} não é um endereço de e-mail; /email nenhum remove o seu";
    NewPasswordOf { user }: "new password of {user}: ", "nueva contraseña de {user}: ", "nova senha de {user}: ";
    PasswordAgain: "and again: ", "otra vez: ", "outra vez: ";
    NewHere { server, user }: "{server} has no user {user}. A user name cannot be changed later; a password has at least 8 characters and is not the name.",
        "{server} no tiene ningún usuario {user}. Un nombre de usuario ya no cambia; una contraseña tiene al menos 8 caracteres y no es el nombre.",
        "{server} não tem nenhum usuário {user}. Um nome de usuário não muda mais; uma senha tem pelo menos 8 caracteres e não é o nome.";
    MayRegister { user }: "New here? Create the account {user} [y/N] ",
        "¿Es la primera vez? Crear la cuenta {user} [s/N] ", "É a primeira vez? Criar a conta {user} [s/N] ";
    NotRegistered: "no account was created; --user gives another name",
        "no se ha creado ninguna cuenta; --user da otro nombre", "nenhuma conta foi criada; --user dá outro nome";
    WrongPassword { user }: "that is not the password of {user}",
        "esa no es la contraseña de {user}", "essa não é a senha de {user}";
    WrongOrClosed { user }: "there is no user {user}, or not with this password; the administrator of the server creates the accounts",
        "no existe {user}, o no con esta contraseña; las cuentas las crea quien administra el servidor",
        "não existe {user}, ou não com esta senha; quem administra o servidor cria as contas";
    EmailNotTaken { why }: "the e-mail address was not taken: {why}",
        "no se ha guardado la dirección de correo: {why}", "o endereço de e-mail não foi guardado: {why}";
    NameRules { most }: "a name is 1 to {most} letters, digits or signs of one script, none of : ; # @ \" \\ / and no . or - at its start",
        "un nombre tiene de 1 a {most} letras, cifras o signos de un solo alfabeto, ninguno de : ; # @ \" \\ / y ningún . ni - al principio",
        "um nome tem de 1 a {most} letras, algarismos ou sinais de um só alfabeto, nenhum de : ; # @ \" \\ / e nenhum . nem - no começo";
    BadUser { name, rules }: "--user {name} is no user name: {rules}",
        "--user {name} no es un nombre de usuario: {rules}", "--user {name} não é um nome de usuário: {rules}";
    BadSystemUser { name, rules }: "USER is {name}, which is no user name here: give --user NAME; {rules}",
        "USER es {name}, que aquí no es un nombre de usuario: usa --user NOMBRE; {rules}",
        "USER é {name}, que aqui não é um nome de usuário: use --user NOME; {rules}";
    NoUser: "no user name: give --user NAME, or set USER",
        "falta el nombre de usuario: usa --user NOMBRE, o define USER",
        "falta o nome de usuário: use --user NOME, ou defina USER";
    NoPasswordFile { path, error }: "cannot read --password-file {path}: {error}",
        "no se puede leer --password-file {path}: {error}", "não é possível ler --password-file {path}: {error}";
    NoPassword { error }: "no password ({error}): give --password-file, or set WACHAT_PASSWORD",
        "no hay contraseña ({error}): usa --password-file, o define WACHAT_PASSWORD",
        "não há senha ({error}): use --password-file, ou defina WACHAT_PASSWORD";
    BadPassword: "a password is not empty and has no line break",
        "una contraseña no está vacía ni tiene saltos de línea", "uma senha não é vazia nem tem quebras de linha";
    Different: "the two differ; nothing was changed",
        "no son iguales; no se ha cambiado nada", "as duas são diferentes; nada foi mudado";
    NoHome: "there is no home directory to keep the outbox in: give --home",
        "no hay un directorio personal donde guardar la bandeja de salida: usa --home",
        "não há um diretório pessoal onde guardar a caixa de saída: use --home";
    TornAside { path }: "a write that was cut short has been set aside in {path}",
        "una escritura interrumpida se ha apartado en {path}", "uma gravação interrompida foi posta à parte em {path}";
    CannotUse { path, error }: "cannot read or write {path}: {error}",
        "no se puede leer ni escribir {path}: {error}", "não é possível ler nem gravar {path}: {error}";
    Damaged { path, line }: "{path} is damaged from line {line} on; restore its directory from a copy, or move the directory away",
        "{path} está dañado desde la línea {line}; recupera su directorio de una copia, o apártalo",
        "{path} está danificado a partir da linha {line}; recupere o diretório de uma cópia, ou retire-o";
    Missing { path }: "{path} is missing; restore its directory from a copy, or move the directory away",
        "falta {path}; recupera su directorio de una copia, o apártalo",
        "falta {path}; recupere o diretório de uma cópia, ou retire-o";
    OtherVersion { path }: "{path} was made by another version of wachat; start that one",
        "{path} es de otra versión de wachat; usa esa", "{path} é de outra versão do wachat; use essa";
    FileClosed { path }: "{path} takes no more: an earlier write failed",
        "{path} no admite más: falló una escritura anterior",
        "{path} não aceita mais nada: uma gravação anterior falhou";
    InUse { path }: "another wachat of this user is running here ({path}); end it, or give --home",
        "otro wachat de este usuario está en marcha aquí ({path}); termínalo, o usa --home",
        "outro wachat deste usuário está rodando aqui ({path}); encerre-o, ou use --home";
    NoRandom: "the operating system gives no random numbers",
        "el sistema operativo no da números aleatorios", "o sistema operacional não fornece números aleatórios";
    NoScreen { error }: "cannot write to the screen: {error}",
        "no se puede escribir en la pantalla: {error}", "não é possível escrever na tela: {error}";
    NoTrace { error }: "cannot write the trace: {error}",
        "no se puede escribir la traza: {error}", "não é possível escrever o rastro: {error}";
    TraceIn { path }: "each line is written to {path}; wachat trace shows it",
        "cada línea se escribe en {path}; wachat trace la muestra",
        "cada linha é escrita em {path}; wachat trace a mostra";
    NoThread { error }: "cannot start a thread: {error}",
        "no se puede iniciar un hilo: {error}", "não é possível iniciar uma thread: {error}";

    // A command of IRC that is absent.
    NoNick: "there is no command /nick: the name of an account cannot be changed; wachat connect --user NAME connects with another one",
        "no existe el comando /nick: el nombre de una cuenta no cambia; wachat connect --user NOMBRE conecta con otro",
        "não existe o comando /nick: o nome de uma conta não muda; wachat connect --user NOME conecta com outro";
    NoFullScreen { locale, variable }: "no full screen, since {locale} is not UTF-8; set {variable} to a UTF-8 locale, such as C.UTF-8, or use --plain",
        "sin pantalla completa, porque {locale} no es UTF-8; pon en {variable} una configuración regional con UTF-8, como C.UTF-8, o usa --plain",
        "sem tela cheia, porque {locale} não é UTF-8; ponha em {variable} uma localidade com UTF-8, como C.UTF-8, ou use --plain";
}
