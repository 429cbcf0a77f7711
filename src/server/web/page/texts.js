// All texts of the page, in English, Spanish and Portuguese, in the words of the terminal client. `{name}` stands for a value.

const LANGUAGES = ["en", "es", "pt"];

/** The first language of the browser that the page speaks. */
export const language = firstKnown(navigator.languages);

function firstKnown(wanted) {
  const tags = wanted.map((tag) => tag.toLowerCase().split("-")[0]);
  return tags.find((tag) => LANGUAGES.includes(tag)) ?? "en";
}

export const TEXTS = {
  lang: LANGUAGES,
  // Signing in.
  user: ["Name", "Nombre", "Nome"],
  password: ["Password", "Contraseña", "Senha"],
  again: ["Password again", "Otra vez la contraseña", "Senha outra vez"],
  differ: ["the two passwords are not the same", "las dos contraseñas no son iguales", "as duas senhas não são iguais"],
  signIn: ["Log in", "Entrar", "Entrar"],
  register: ["Register", "Registrarse", "Registrar-se"],
  toRegister: ["I am new here", "Soy nuevo aquí", "Sou novo aqui"],
  toSignIn: ["I have an account", "Ya tengo una cuenta", "Já tenho uma conta"],
  stay: ["Stay logged in", "Seguir conectado", "Continuar conectado"],
  stayHint: [
    "Your messages and a key are kept in this browser until you log out. On a computer of others leave this off.",
    "Tus mensajes y una clave quedan en este navegador hasta que salgas. En un ordenador ajeno, déjalo sin marcar.",
    "Suas mensagens e uma chave ficam neste navegador até você sair. No computador de outros, deixe desmarcado.",
  ],
  signingIn: ["Logging in…", "Entrando…", "Entrando…"],
  insecure: [
    "Without https, others in the network can read your password and all messages; notifications and use without the server are missing, too.",
    "Sin https, otros en la red pueden leer tu contraseña y todos los mensajes; tampoco hay avisos ni uso sin el servidor.",
    "Sem https, outros na rede podem ler sua senha e todas as mensagens; também não há avisos nem uso sem o servidor.",
  ],
  // Why the phase is as it is.
  away: ["the server is away", "el servidor no está", "o servidor não está disponível"],
  "key-ended": [
    "this browser was logged out elsewhere; log in again, nothing is lost",
    "este navegador se desconectó desde otro sitio; entra otra vez, no se ha perdido nada",
    "este navegador foi desconectado de outro lugar; entre outra vez, nada se perdeu",
  ],
  "logged-out": ["you have logged out", "has salido", "você saiu"],
  replaced: [
    "a newer session of this browser has taken over",
    "una sesión más nueva de este navegador ha tomado el relevo",
    "uma sessão mais nova deste navegador assumiu o lugar desta",
  ],
  "other-page": [
    "Another page of this browser is in use",
    "Se usa otra página de este navegador",
    "Outra página deste navegador está em uso",
  ],
  "newer-database": [
    "a newer version of this page is open in this browser: load the page again",
    "en este navegador hay abierta una versión más nueva de esta página: vuelve a cargarla",
    "uma versão mais nova desta página está aberta neste navegador: carregue a página de novo",
  ],
  storage: [
    "this browser does not store what it should (its disk may be full); nothing is acknowledged until it does",
    "este navegador no guarda lo que debe (quizá el disco está lleno); no se confirma nada hasta que lo haga",
    "este navegador não guarda o que deve (talvez o disco esteja cheio); nada é confirmado até que guarde",
  ],
  strange: [
    "the server's answer is not of the protocol's form",
    "la respuesta del servidor no tiene la forma del protocolo",
    "a resposta do servidor não tem a forma do protocolo",
  ],
  useHere: ["Use it here", "Usar aquí", "Usar aqui"],
  reload: ["Load again", "Volver a cargar", "Carregar de novo"],
  // Chats.
  chats: ["Chats", "Chats", "Conversas"],
  newChat: ["New chat", "Chat nuevo", "Nova conversa"],
  newChatHint: ["Name of a user, or #room", "Nombre de un usuario, o #sala", "Nome de um usuário, ou #sala"],
  open: ["Open", "Abrir", "Abrir"],
  search: ["Search", "Buscar", "Buscar"],
  noChats: [
    "There are no chats yet. Begin one with a name, or join a room.",
    "Todavía no hay chats. Empieza uno con un nombre, o entra en una sala.",
    "Ainda não há conversas. Comece uma com um nome, ou entre numa sala.",
  ],
  chooseChat: ["Choose a chat", "Elige un chat", "Escolha uma conversa"],
  unread: ["{count} unread", "{count} sin leer", "{count} não lidas"],
  mentioned: ["your name was mentioned", "se menciona tu nombre", "seu nome foi mencionado"],
  online: ["online", "en línea", "on-line"],
  offline: ["offline", "desconectado", "desconectado"],
  draft: ["Draft: {text}", "Borrador: {text}", "Rascunho: {text}"],
  you: ["You", "Tú", "Você"],
  back: ["Back", "Atrás", "Voltar"],
  menu: ["Menu", "Menú", "Menu"],
  cancel: ["Cancel", "Cancelar", "Cancelar"],
  close: ["Close", "Cerrar", "Fechar"],
  mute: ["Mute", "Silenciar", "Silenciar"],
  unmute: ["Unmute", "Activar avisos", "Ativar avisos"],
  muted: ["muted", "silenciado", "silenciada"],
  ignore: ["Ignore {user}", "Ignorar a {user}", "Ignorar {user}"],
  unignore: ["Ignore {user} no longer", "Dejar de ignorar a {user}", "Deixar de ignorar {user}"],
  ignored: ["ignored", "ignorado", "ignorado"],
  // Messages.
  messages: ["Messages", "Mensajes", "Mensagens"],
  message: ["Message", "Mensaje", "Mensagem"],
  send: ["Send", "Enviar", "Enviar"],
  newBegin: ["Unread", "Sin leer", "Não lidas"],
  older: ["Older messages…", "Mensajes anteriores…", "Mensagens anteriores…"],
  newest: ["Newest messages", "Mensajes más recientes", "Mensagens mais recentes"],
  erased: ["taken back", "retirado", "retirada"],
  gap: [
    "Messages that only the server has: fetch them",
    "Mensajes que solo tiene el servidor: traerlos",
    "Mensagens que só o servidor tem: buscá-las",
  ],
  damaged: [
    "a message here is damaged on the server",
    "aquí un mensaje está dañado en el servidor",
    "uma mensagem aqui está danificada no servidor",
  ],
  showAll: ["Show all ({count} characters)", "Mostrar todo ({count} caracteres)", "Mostrar tudo ({count} caracteres)"],
  actions: ["What to do with this message", "Qué hacer con este mensaje", "O que fazer com esta mensagem"],
  quote: ["Quote", "Citar", "Citar"],
  copy: ["Copy", "Copiar", "Copiar"],
  erase: ["Take back", "Retirar", "Retirar"],
  eraseSure: [
    "Take this message back everywhere?",
    "¿Retirar este mensaje en todas partes?",
    "Retirar esta mensagem em toda parte?",
  ],
  readers: ["Who has read it", "Quién lo ha leído", "Quem leu"],
  queued: ["in the outbox", "en la bandeja de salida", "na caixa de saída"],
  sent: ["sent, not confirmed yet", "enviado, aún sin confirmar", "enviada, ainda sem confirmação"],
  received: ["received by the server", "recibido por el servidor", "recebida pelo servidor"],
  delivered: ["delivered", "entregado", "entregue"],
  read: ["read", "leído", "lida"],
  refused: ["refused: {why}", "rechazado: {why}", "recusada: {why}"],
  "too-long": ["this message is too long", "este mensaje es demasiado largo", "esta mensagem é longa demais"],
  full: [
    "the outbox is full; it takes more when the server is back",
    "la bandeja de salida está llena; admite más cuando vuelva el servidor",
    "a caixa de saída está cheia; aceita mais quando o servidor voltar",
  ],
  "no-target": ["that is not a name", "eso no es un nombre", "isso não é um nome"],
  // Banners.
  banner: [
    "The server is away; what you write waits in the outbox ({count})",
    "El servidor no está; lo que escribas espera en la bandeja de salida ({count})",
    "O servidor não está disponível; o que você escrever espera na caixa de saída ({count})",
  ],
  outbox: ["Outbox", "Bandeja de salida", "Caixa de saída"],
  // Rooms.
  rooms: ["Rooms", "Salas", "Salas"],
  noRooms: ["There are no rooms yet", "Todavía no hay salas", "Ainda não há salas"],
  room: ["Room", "Sala", "Sala"],
  makeRoom: ["Make a room", "Crear una sala", "Criar uma sala"],
  roomName: ["#name", "#nombre", "#nome"],
  isOpen: ["open to everybody", "abierta a todos", "aberta a todos"],
  isInvite: ["by invitation only", "solo por invitación", "só por convite"],
  makeOpen: ["Open it to everybody", "Abrirla a todos", "Abri-la a todos"],
  makeInvite: ["By invitation only", "Solo por invitación", "Só por convite"],
  join: ["Join", "Entrar", "Entrar"],
  leave: ["Leave the room", "Salir de la sala", "Sair da sala"],
  notMember: ["you are not in it", "no estás en ella", "você não está nela"],
  members: ["Members", "Miembros", "Membros"],
  countOfMembers: ["members: {count}", "miembros: {count}", "membros: {count}"],
  owner: ["owner", "dueño", "dono"],
  topic: ["Topic", "Tema", "Tópico"],
  setTopic: ["Set the topic", "Cambiar el tema", "Mudar o tópico"],
  invite: ["Invite", "Invitar", "Convidar"],
  kick: ["Put out", "Echar", "Tirar"],
  giveRoom: ["Make owner", "Hacer dueño", "Tornar dono"],
  done: ["done", "hecho", "feito"],
  // The account.
  account: ["Account", "Cuenta", "Conta"],
  devices: ["Devices", "Dispositivos", "Dispositivos"],
  thisDevice: ["this browser", "este navegador", "este navegador"],
  lastUse: ["last use: {time}", "último uso: {time}", "último uso: {time}"],
  forget: ["Log out and forget", "Cerrar y olvidar", "Encerrar e esquecer"],
  others: ["Log out all other devices", "Cerrar los demás dispositivos", "Encerrar os outros dispositivos"],
  changePassword: ["Change the password", "Cambiar la contraseña", "Mudar a senha"],
  oldPassword: ["Old password", "Contraseña antigua", "Senha antiga"],
  newPassword: ["New password", "Contraseña nueva", "Senha nova"],
  notify: ["Show notifications", "Mostrar avisos", "Mostrar avisos"],
  notifyOn: ["Notifications are on; while the page is closed there are none", "Los avisos están activados; con la página cerrada no los hay",
    "Os avisos estão ativados; com a página fechada não há"],
  notifyOff: ["This browser shows no notifications of this page", "Este navegador no muestra avisos de esta página",
    "Este navegador não mostra avisos desta página"],
  signOut: ["Log out", "Salir", "Sair"],
  signOutSure: [
    "Log out? Messages, outbox and key leave this browser; the server keeps your chats.",
    "¿Salir? Mensajes, bandeja de salida y clave se borran de este navegador; el servidor conserva tus chats.",
    "Sair? Mensagens, caixa de saída e chave saem deste navegador; o servidor conserva suas conversas.",
  ],
  bytes: ["The lines on the wire", "Las líneas en el cable", "As linhas no fio"],
  // Notices.
  "n-other-store": [
    "the server's store is another than last time; what was sent since its backup may be unknown there",
    "el almacén del servidor no es el de la última vez; puede que no sepa de lo enviado desde su copia",
    "o armazém do servidor não é o da última vez; talvez não saiba do que foi enviado desde o backup",
  ],
  "n-device-forgotten": [
    "the server has forgotten this device; what it lacks is fetched anew",
    "el servidor ha olvidado este dispositivo; se trae de nuevo lo que falta",
    "o servidor esqueceu este dispositivo; o que falta é trazido de novo",
  ],
  "n-device-remains": [
    "you have logged out here, but the server could not be told: another device can forget this one",
    "has salido aquí, pero no se pudo avisar al servidor: otro dispositivo puede olvidar este",
    "você saiu aqui, mas não foi possível avisar o servidor: outro dispositivo pode esquecer este",
  ],
  "n-logged-out": ["you have logged out in another page", "has salido en otra página", "você saiu em outra página"],
  "n-damaged": ["{target}: a message is damaged on the server", "{target}: un mensaje está dañado en el servidor", "{target}: uma mensagem está danificada no servidor"],
  "n-announcement": ["Announcement of the server: {text}", "Anuncio del servidor: {text}", "Anúncio do servidor: {text}"],
  "n-call": ["{user} calls for a direct chat; only the terminal takes one", "{user} llama para un chat directo; solo el terminal lo admite", "{user} chama para uma conversa direta; só o terminal a aceita"],
  "n-invited": ["{user} invites you to {room}", "{user} te invita a {room}", "{user} convida você para {room}"],
  "n-joined": ["you are in {room}", "estás en {room}", "você está em {room}"],
  "n-left": ["you are no longer in {room}", "ya no estás en {room}", "você não está mais em {room}"],
  "n-in-room": ["{user} joined {room}", "{user} ha entrado en {room}", "{user} entrou em {room}"],
  "n-out-of-room": ["{user} left {room}", "{user} ha salido de {room}", "{user} saiu de {room}"],
  "n-room-changed": ["{room} has been changed", "{room} ha cambiado", "{room} mudou"],
  "n-waits": ["a message to {target} waits: {why}", "un mensaje para {target} espera: {why}", "uma mensagem para {target} espera: {why}"],
  "n-refused": ["a message to {target} was refused: {why}", "se ha rechazado un mensaje para {target}: {why}", "uma mensagem para {target} foi recusada: {why}"],
  "n-storage-failed": [
    "this browser could not store something; it tries again",
    "este navegador no pudo guardar algo; lo intenta otra vez",
    "este navegador não conseguiu guardar algo; tenta de novo",
  ],
  "n-full": ["there are too many chats in this browser", "hay demasiados chats en este navegador", "há conversas demais neste navegador"],
  "n-not-lasting": [
    "this browser may drop what is stored here",
    "este navegador puede borrar lo que se guarda aquí",
    "este navegador pode apagar o que fica guardado aqui",
  ],
  // The bytes drawer.
  wireHint: [
    "Each line as it goes and comes, with its clause of the protocol. Passwords and keys are hidden.",
    "Cada línea que va y viene, con su cláusula del protocolo. Contraseñas y claves van ocultas.",
    "Cada linha que vai e vem, com sua cláusula do protocolo. Senhas e chaves ficam ocultas.",
  ],
  pause: ["Pause", "Pausa", "Pausa"],
  goOn: ["Go on ({count} wait)", "Seguir (esperan {count})", "Continuar ({count} esperam)"],
  cut: ["Cut both connections after the next SEND", "Cortar las dos conexiones tras el próximo SEND", "Cortar as duas conexões após o próximo SEND"],
  cutArmed: ["The next SEND ends both connections", "El próximo SEND cierra las dos conexiones", "O próximo SEND encerra as duas conexões"],
  // Codes of the server (protocol, section 4). In English the server's own sentence is shown where there is one.
  AUTH: ["there is no such user, or not with this password", "no existe ese usuario, o no con esa contraseña", "esse usuário não existe, ou a senha não é essa"],
  AWAY: ["the server is away", "el servidor no está", "o servidor não está disponível"],
  BANNED: ["the server does not let you in", "el servidor no te deja entrar", "o servidor não deixa você entrar"],
  CLOSED: ["registration is closed; ask the server's administrator", "el registro está cerrado; pregunta a quien administra el servidor", "o registro está fechado; fale com quem administra o servidor"],
  CONFLICT: ["this id was used for another message", "este id ya se usó para otro mensaje", "este id já foi usado para outra mensagem"],
  DAMAGED: ["that message is damaged on the server", "ese mensaje está dañado en el servidor", "essa mensagem está danificada no servidor"],
  EXISTS: ["that name is taken", "ese nombre ya está ocupado", "esse nome já existe"],
  FULL: ["the server has no room now; try later", "el servidor no tiene sitio ahora; prueba más tarde", "o servidor está sem espaço agora; tente mais tarde"],
  INTERNAL: ["a defect of the server; its log says more", "un defecto del servidor; su registro dice más", "um defeito do servidor; o log dele diz mais"],
  LATE: ["that message is more than a day old", "ese mensaje tiene más de un día", "essa mensagem tem mais de um dia"],
  NAME: ["the server does not accept that name", "el servidor no admite ese nombre", "o servidor não admite esse nome"],
  NOT_INVITED: ["you need an invitation to that room", "necesitas una invitación para esa sala", "você precisa de um convite para essa sala"],
  NOT_MEMBER: ["you are not in that room", "no estás en esa sala", "você não está nessa sala"],
  NOT_OWNER: ["that room is not yours", "esa sala no es tuya", "essa sala não é sua"],
  NO_MESSAGE: ["there is no message with that number", "no hay ningún mensaje con ese número", "não há nenhuma mensagem com esse número"],
  NO_ROOM: ["there is no such room", "no existe esa sala", "essa sala não existe"],
  NO_SESSION: ["you have no such connection or device", "no tienes esa conexión ni ese dispositivo", "você não tem essa conexão nem esse dispositivo"],
  NO_USER: ["there is no such user", "no existe ese usuario", "esse usuário não existe"],
  PASSWORD: ["that is not a good password", "no es una buena contraseña", "não é uma boa senha"],
  QUOTA: ["a limit of the server is reached; try later", "se ha alcanzado un límite del servidor; prueba más tarde", "um limite do servidor foi atingido; tente mais tarde"],
  RATE: ["too much at once; try later", "pides demasiado a la vez; prueba más tarde", "você pede demais de uma vez; tente mais tarde"],
  REPLACED: ["a newer session of yours has taken over", "otra sesión tuya más nueva ha tomado el relevo", "uma sessão sua mais nova assumiu o lugar desta"],
  SEQ: ["that number is above the last one", "ese número es mayor que el último que hay", "esse número é maior que o último que existe"],
  SHUTDOWN: ["the server is stopping; come back later", "el servidor se está parando; vuelve más tarde", "o servidor está parando; volte mais tarde"],
  SYNTAX: ["the server does not understand the request", "el servidor no entiende la petición", "o servidor não entende o pedido"],
  TIMEOUT: ["nothing came in time", "no llegó nada a tiempo", "nada chegou a tempo"],
  TLS: ["this server speaks TLS only", "este servidor solo habla TLS", "este servidor só fala TLS"],
  TOO_LONG: ["a line has at most 65536 bytes", "una línea tiene como mucho 65536 bytes", "uma linha tem no máximo 65536 bytes"],
};

/**
 * Returns a text in the language of the page.
 * @param {string} key
 * @param {Record<string, string|number>} [values] What stands for each `{name}`.
 */
export function say(key, values = {}) {
  const text = TEXTS[key]?.[LANGUAGES.indexOf(language)] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/** Returns a count as it stands beside a chat and in the title: short. */
export const shortCount = (count) => (count > 999 ? "999+" : String(count));

/**
 * Returns why something is so: in English the server's own sentence, which may know more; of a ban and of a name in each language.
 * @param {string} code
 * @param {string|null} [text] Of the server's KO.
 */
export function sayWhy(code, text = null) {
  if (!text) return say(code);
  if (language === "en" || !(code in TEXTS)) return text;
  return code === "BANNED" || code === "NAME" ? `${say(code)}: ${text}` : say(code);
}

const CLOCK = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hour12: false });
const DAY = new Intl.DateTimeFormat(language, { weekday: "long", day: "numeric", month: "long" });
const DATE = new Intl.DateTimeFormat(language, { day: "numeric", month: "long", year: "numeric" });
const SHORT = new Intl.DateTimeFormat(language, { day: "numeric", month: "short" });

/** Returns the local time of day. */
export const clock = (time) => CLOCK.format(time);

/** Returns a day as it stands between messages. */
export function day(time) {
  const isThisYear = new Date(time).getFullYear() === new Date().getFullYear();
  return (isThisYear ? DAY : DATE).format(time);
}

/** Returns a time as short as the present one allows: the time of day, or the day. */
export function when(time) {
  const isToday = new Date(time).toDateString() === new Date().toDateString();
  return isToday ? clock(time) : SHORT.format(time);
}
