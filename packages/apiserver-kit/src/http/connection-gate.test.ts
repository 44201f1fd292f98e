import {EventEmitter} from 'node:events';
import {beforeEach, describe, expect, test} from '@jest/globals';
import {ManualClock} from '../manual-clock.fixture.ts';
import {ConnectionGate, type GateSocket} from './connection-gate.ts';

const limit = 3;
const graceMs = 2_000;
const silenceMs = 20_000;

let clock: ManualClock;
let gate: ConnectionGate;
let ports: number;

/** A client's connection as the gate sees it. */
class Client extends EventEmitter {
  readonly remoteAddress = '192.0.2.1';
  readonly remotePort = ++ports;
  readonly localAddress = '192.0.2.2';
  destroyed = false;
  served = false;

  constructor() {
    super();
    gate.enter(this.socket, () => {
      this.served = true;
    });
  }

  get socket(): GateSocket {
    return this as unknown as GateSocket;
  }

  read(): null {
    return null;
  }

  destroy(): this {
    if (this.destroyed) return this;
    this.destroyed = true;
    this.emit('close');
    return this;
  }

  say(): this {
    this.emit('readable');
    return this;
  }
}

const speaking = (count: number): Client[] => Array.from({length: count}, () => new Client().say());
const served = (clients: readonly Client[]): number => clients.filter((each) => each.served).length;

beforeEach(() => {
  clock = new ManualClock();
  gate = new ConnectionGate({limit, graceMs, silenceMs, clock});
  ports = 0;
});

describe('a gate for connections', () => {
  test('one that says nothing is not served, and closed in the end', () => {
    const silent = Array.from({length: 10}, () => new Client());
    expect(gate).toMatchObject({unknown: 0, waiting: 0});
    expect(speaking(1)[0]?.served).toBe(true);
    clock.advance(silenceMs);
    expect(silent.map(({destroyed}) => destroyed)).toEqual(silent.map(() => true));
    expect(served(silent)).toBe(0);
  });

  test('serves so many unknown ones, the others when these are known or gone', () => {
    const clients = speaking(6);
    expect(clients.map((each) => each.served)).toEqual([true, true, true, false, false, false]);
    gate.know(clients[1]!.socket);
    expect(served(clients)).toBe(4);
    clients[0]!.destroy();
    expect(served(clients)).toBe(5);
    clients[5]!.destroy();
    gate.know(clients[2]!.socket);
    expect(clients[5]!.served).toBe(false);
    expect(gate).toMatchObject({unknown: 2, waiting: 0});
  });

  test('the oldest unknown ones make room only for those who wait', () => {
    const first = speaking(limit);
    clock.advance(10 * graceMs);
    expect(first.some(({destroyed}) => destroyed)).toBe(false);
    const late = speaking(2);
    clock.advance(0);
    expect(first.map(({destroyed}) => destroyed)).toEqual([true, true, false]);
    expect(served(late)).toBe(2);
    const last = speaking(1);
    clock.advance(graceMs - 1);
    expect(first[2]!.destroyed).toBe(true);
    expect(last[0]!.served).toBe(true);
    expect(late.some(({destroyed}) => destroyed)).toBe(false);
  });

  test('who is known stays, whoever waits', () => {
    const known = speaking(1);
    gate.know(known[0]!.socket);
    speaking(100);
    clock.advance(1_000 * graceMs);
    expect(known[0]!.destroyed).toBe(false);
    expect(gate.waiting).toBe(0);
  });

  test('closes all that are unknown when the server stops', () => {
    const clients = [...speaking(limit + 1), new Client()];
    gate.know(clients[0]!.socket);
    const waiting = [...speaking(2)];
    gate.close();
    expect([...clients, ...waiting].map(({destroyed}) => destroyed)).toEqual([
      false,
      true,
      true,
      true,
      true,
      true,
      true,
    ]);
    expect(clock.pending).toBe(0);
  });

  test('nothing is left of those that are gone', () => {
    const clients = [...speaking(10), new Client()];
    for (const client of clients) client.destroy();
    expect(gate).toMatchObject({unknown: 0, waiting: 0});
    expect(clock.pending).toBe(0);
  });
});
