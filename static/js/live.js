// The page's one socket. Who follows something gets its frames in order, once each, also across a lost
// connection: after it is back, everything is joined again after the last frame that was seen.
const FIRST_WAIT = 500; // ms, doubled up to the longest, each with jitter
const LONGEST_WAIT = 10_000;
const LONG_HIDDEN = 20_000; // ms in the background after which a phone may have cut the line unnoticed
const SIGNED_OUT = 4401;
const BEGINNING = "0";

class Live extends EventTarget {
  #socket = null;
  #followed = new Map();
  #wait = FIRST_WAIT;
  #timer = 0;
  #over = false;
  #hiddenAt = 0;

  constructor() {
    super();
    addEventListener("online", () => this.#connectNow());
    addEventListener("offline", () => this.#socket?.close());
    addEventListener("pagehide", () => this.#leavePage());
    addEventListener("pageshow", (event) => event.persisted && this.#comeBack());
    document.addEventListener("visibilitychange", () => this.#visibilityChanged());
  }

  /** Calls `handle` with every frame of a thing after `after`; returns the function that ends it. */
  follow(kind, id, handle, { after = BEGINNING } = {}) {
    const following = { kind, id, handle, after };
    const name = `${kind}/${id}`;
    this.#followed.set(name, following);
    if (this.#isOpen) this.#join(following);
    else this.#connectNow();
    return () => {
      if (this.#followed.get(name) !== following) return;
      this.#followed.delete(name);
      this.#send({ op: "leave", kind, id });
    };
  }

  /** Asks for everything from the beginning again, after a gap. */
  replay(kind, id) {
    const following = this.#followed.get(`${kind}/${id}`);
    if (!following) return;
    following.after = BEGINNING;
    this.#join(following);
  }

  get #isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  #connectNow() {
    clearTimeout(this.#timer);
    if (this.#over || (this.#socket && this.#socket.readyState <= WebSocket.OPEN)) return;
    const address = new URL("/ws/", location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(address);
    this.#socket = socket;
    socket.addEventListener("open", () => this.#opened());
    socket.addEventListener("message", (event) => socket === this.#socket && this.#receive(event.data));
    socket.addEventListener("close", (event) => socket === this.#socket && this.#closed(event.code));
  }

  #opened() {
    this.#tell("open");
    for (const following of this.#followed.values()) this.#join(following);
  }

  #receive(data) {
    this.#wait = FIRST_WAIT; // the connection is proven only by what comes through it
    const frame = JSON.parse(data);
    const following = this.#followed.get(`${frame.kind}/${frame.id}`);
    if (!following) return;
    if (frame.seq) following.after = frame.seq;
    following.handle(frame);
  }

  #closed(code) {
    this.#socket = null;
    if (this.#over) return;
    if (code === SIGNED_OUT) {
      this.#over = true;
      this.#tell("signed-out");
      return;
    }
    this.#tell("lost");
    const wait = this.#wait * (0.7 + 0.6 * Math.random());
    this.#wait = Math.min(LONGEST_WAIT, this.#wait * 2);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#connectNow(), wait);
  }

  #join({ kind, id, after }) {
    this.#send({ op: "join", kind, id, after });
  }

  #send(frame) {
    if (this.#isOpen) this.#socket.send(JSON.stringify(frame));
  }

  #tell(state) {
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }

  #leavePage() {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#socket?.close();
  }

  #comeBack() {
    this.#over = false;
    this.#socket = null;
    this.#connectNow();
  }

  #visibilityChanged() {
    if (document.hidden) {
      this.#hiddenAt = Date.now();
    } else if (this.#hiddenAt && Date.now() - this.#hiddenAt > LONG_HIDDEN) {
      this.#socket?.close();
      this.#socket = null;
      this.#connectNow();
    } else {
      this.#connectNow();
    }
  }
}

export const live = new Live();

/** The moment at which the server made this page, as a seq: news from then on is news to this page. */
export const pageMade = `${document.getElementById("main").dataset.made}000-0`;
