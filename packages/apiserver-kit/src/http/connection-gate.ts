import type {Socket} from 'node:net';
import {type Clock, systemClock, type Timer} from '../clock.ts';

export interface ConnectionGateOptions {
  /** Connections of unknown clients that are served at the same time. Default: 256. */
  limit?: number;
  /** A client that has not said who it is after so long makes room, if others wait. Default: 1 s. */
  graceMs?: number;
  /** How long one may take to say anything at all. Default: 20 s. */
  silenceMs?: number;
  clock?: Clock;
}

/** What the gate needs of a connection. */
export type GateSocket = Pick<Socket, 'destroy' | 'on' | 'once' | 'off' | 'read'> & {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  readonly localAddress?: string | undefined;
};

/**
 * Bounds what clients take that have not shown who they are. A connection with TLS takes some 60 KB, and most of that stays with the
 * process when it is closed: so a connection that says nothing never gets as far as TLS, and of those that do no more than a bounded number
 * is served before a request of theirs was authenticated. The others wait for their turn, in order. While somebody waits, the oldest ones
 * that are still unknown after a while are closed.
 */
export class ConnectionGate {
  readonly #limit: number;
  readonly #graceMs: number;
  readonly #silenceMs: number;
  readonly #clock: Clock;
  /** Served and unknown, the oldest first. */
  readonly #unknown = new Map<string, {socket: GateSocket; since: number}>();
  readonly #waiting = new Map<GateSocket, () => void>();
  /** Those that have not said anything. */
  readonly #silent = new Set<GateSocket>();
  #timer: Timer | undefined;

  constructor(options: ConnectionGateOptions = {}) {
    this.#limit = options.limit ?? 256;
    this.#graceMs = options.graceMs ?? 1_000;
    this.#silenceMs = options.silenceMs ?? 20_000;
    this.#clock = options.clock ?? systemClock;
  }

  /** Connections that are served, and whose clients are unknown. */
  get unknown(): number {
    return this.#unknown.size;
  }

  /** Connections that wait for their turn. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** @param serve called when it is the connection's turn, with what was read of it put back */
  enter(socket: GateSocket, serve: () => void): void {
    this.#silent.add(socket);
    const leave = (): void => {
      silence.cancel();
      this.#silent.delete(socket);
      socket.off('readable', speak);
    };
    const speak = (): void => {
      leave();
      this.#queue(socket, serve);
    };
    const silence = this.#clock.setTimeout(() => socket.destroy(), this.#silenceMs);
    // A connection that breaks is closed, and closing it is all there is to do.
    socket.on('error', ignore);
    socket.once('close', () => {
      leave();
      this.#leave(socket);
    });
    socket.once('readable', speak);
    socket.read(0);
  }

  /** The client of this connection, or of the TLS connection on it, has shown who it is. */
  know(socket: GateSocket): void {
    if (this.#unknown.delete(nameOf(socket))) this.#serveNext();
  }

  /** Closes all connections of unknown clients. */
  close(): void {
    const unknown = [...this.#unknown.values()].map(({socket}) => socket);
    for (const socket of [...this.#silent, ...this.#waiting.keys(), ...unknown]) socket.destroy();
  }

  #queue(socket: GateSocket, serve: () => void): void {
    this.#waiting.set(socket, serve);
    this.#serveNext();
  }

  #leave(socket: GateSocket): void {
    this.#waiting.delete(socket);
    const name = nameOf(socket);
    if (this.#unknown.get(name)?.socket === socket) this.#unknown.delete(name);
    this.#serveNext();
  }

  #serveNext(): void {
    for (const [socket, serve] of this.#waiting) {
      if (this.#unknown.size >= this.#limit) break;
      this.#waiting.delete(socket);
      this.#unknown.set(nameOf(socket), {socket, since: this.#clock.monotonic()});
      serve();
    }
    this.#watchOldest();
  }

  /** As long as somebody waits, one timer runs: that of the oldest. */
  #watchOldest(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const [oldest] = this.#unknown.values();
    if (this.#waiting.size === 0 || oldest === undefined) return;
    const rest = oldest.since + this.#graceMs - this.#clock.monotonic();
    this.#timer = this.#clock.setTimeout(() => this.#closeOldest(), Math.max(0, Math.ceil(rest)));
  }

  #closeOldest(): void {
    const now = this.#clock.monotonic();
    let room = this.#waiting.size;
    for (const [name, {socket, since}] of this.#unknown) {
      if (room === 0 || now - since < this.#graceMs) break;
      room -= 1;
      this.#unknown.delete(name);
      socket.destroy();
    }
    this.#serveNext();
  }
}

function ignore(): void {}

/** One and the same for a connection and the TLS connection on it. Addresses are gone when a connection is closed: they are remembered. */
function nameOf(socket: GateSocket): string {
  let name = names.get(socket);
  if (name === undefined) {
    name = `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress}`;
    names.set(socket, name);
  }
  return name;
}

const names = new WeakMap<GateSocket, string>();
