import { addCarts, CartBook, type CartSeed, INITIAL_CARTS } from './cart.server.ts';
import { addControls, type Controlled } from './control-api.ts';
import { hasCode, messageOf, readFields, readInteger } from './input.ts';
import { addNotification, NotificationBook } from './notification.server.ts';
import { addReservations } from './reservations/reservation.routes.ts';
import { MAX_ANSWER_DELAY_MS, SERVICE_NAMES, type ServiceName, ServiceServer } from './service-server.ts';
import { StateFile } from './state-file.ts';
import { INITIAL_STOCK, LEDGER_LIMIT, Stock, type StockedProduct } from './stock.ts';
import { addCatalog, addInventory } from './stock.servers.ts';

export const DEFAULT_PORTS: Readonly<Record<ServiceName, number>> = {
  inventory: 8081,
  notification: 8082,
  catalog: 8083,
  carts: 8084,
};

/** A message takes its time to send, and the other services answer at once. */
export const DEFAULT_DELAYS_MS: Readonly<Record<ServiceName, number>> = {
  inventory: 0,
  notification: 50,
  catalog: 0,
  carts: 0,
};

/** Bumped when the file's form changes, so that an old file is recognised instead of misread. */
const STATE_VERSION = 1;

export interface SandboxOptions {
  /** Which servers listen. Default: all four. */
  services?: readonly ServiceName[];
  /** Default `127.0.0.1`: the control calls have no authentication. */
  host?: string;
  /** 0 is any free port. Defaults: 8081, 8082, 8083, 8084. */
  ports?: Partial<Record<ServiceName, number>>;
  /** Milliseconds, 0 to 500, between effect and answer. Default: 50 for notification, 0 for the others. */
  delaysMs?: Partial<Record<ServiceName, number>>;
  /** False: retries act again, as with a plain service. For all services, or for each. Default true. */
  honourIdempotencyKeys?: boolean | Partial<Record<ServiceName, boolean>>;
  /** Whether parallel calls to the catalog disturb each other, as in the one of the specification. Default false. */
  catalogSharesCursor?: boolean;
  /** Whether `GET /carts/{customer_id}` answers with the cart's items too. Default false. */
  cartsCarryItems?: boolean;
  /** The initial state, also after `reset`. Default: `INITIAL_STOCK`, `INITIAL_CARTS`. */
  stock?: readonly StockedProduct[];
  carts?: readonly CartSeed[];
  /** Where the state is kept from one start to the next. Default: nowhere. */
  stateFile?: string;
  /** Entries that the stock's ledger keeps. Default: enough for a million orders. */
  ledgerLimit?: number;
  /** How long the inventory holds a reservation after a call about it, at most. Default: no limit. */
  maxReservationMs?: number;
  /** Called when the state file fails. Default: standard error. */
  log?: (message: string) => void;
}

/** Another program listens where a stand-in was to. */
export class PortTaken extends Error {
  readonly service: ServiceName;
  readonly host: string;
  readonly port: number;
  /** The option of `startSandbox` that chooses another port, as in `ports.inventory`. */
  readonly setting: string;

  constructor(service: ServiceName, host: string, port: number, setting: string) {
    super(
      `Port ${port} on ${host}, where the ${service} stand-in was to listen, is taken by another program. ` +
        `Stop that program, or choose another port: ${setting} (--${service}-port).`,
    );
    this.service = service;
    this.host = host;
    this.port = port;
    this.setting = setting;
    this.name = 'PortTaken';
  }
}

/** The four stand-ins with the state that they share. Made by `startSandbox`. */
export class Sandbox implements Controlled {
  readonly stock: Stock;
  readonly notifications: NotificationBook;
  readonly carts: CartBook;
  /** Each server, with its `faults`, its log of `calls` and its switches, also those that don't listen. */
  readonly services: Readonly<Record<ServiceName, ServiceServer>>;
  readonly #initial: { stock: readonly StockedProduct[]; carts: readonly CartSeed[] };
  readonly #file: StateFile | null;
  #closed: Promise<void> | null = null;
  private readonly options: SandboxOptions;

  constructor(options: SandboxOptions) {
    this.options = options;
    const { stateFile } = options;
    this.#initial = { stock: options.stock ?? INITIAL_STOCK, carts: options.carts ?? INITIAL_CARTS };
    const log = options.log ?? ((message) => void process.stderr.write(`${message}\n`));
    const file = stateFile === undefined ? null : new StateFile(stateFile, () => this.#snapshot(), log);
    this.#file = file;
    const changed = file ? (): void => file.touch() : (): void => {};
    const { ledgerLimit, maxReservationMs } = options;
    this.stock = new Stock(this.#initial.stock, changed, ledgerLimit ?? LEDGER_LIMIT, maxReservationMs);
    this.notifications = new NotificationBook(changed);
    this.carts = new CartBook(this.#initial.carts, changed);
    const server = (name: ServiceName): ServiceServer =>
      new ServiceServer(name, serverOptions(options, name, changed));
    this.services = {
      inventory: server('inventory'),
      notification: server('notification'),
      catalog: server('catalog'),
      carts: server('carts'),
    };
    addInventory(this.services.inventory, this.stock);
    addReservations(this.services.inventory, this.stock);
    addNotification(this.services.notification, this.notifications);
    addCatalog(this.services.catalog, this.stock, options.catalogSharesCursor ?? false);
    addCarts(this.services.carts, this.carts, options.cartsCarryItems ?? false);
    for (const name of SERVICE_NAMES) addControls(this.services[name], this);
  }

  /** Where the servers listen; of those that don't, where they would. */
  get urls(): Readonly<Record<ServiceName, string>> {
    const { inventory, notification, catalog, carts } = this.services;
    return {
      inventory: inventory.url,
      notification: notification.url,
      catalog: catalog.url,
      carts: carts.url,
    };
  }

  /** Resets state, logs, stored answers and faults. Omitted parts get their state from the start. */
  reset(initial: { stock?: readonly StockedProduct[]; carts?: readonly CartSeed[] } = {}): void {
    // First the faults: a call that is still held must not act on the new state.
    for (const name of SERVICE_NAMES) this.services[name].reset();
    this.stock.reset(initial.stock ?? this.#initial.stock);
    this.carts.reset(initial.carts ?? this.#initial.carts);
    this.notifications.reset();
  }

  /** Aborts calls in progress, stops listening and writes the state file. Idempotent. */
  async close(): Promise<void> {
    this.#closed ??= Promise.all(SERVICE_NAMES.map((name) => this.services[name].close())).then(() =>
      this.#file?.flush(),
    );
    await this.#closed;
  }

  /** For `startSandbox`: takes the state over from the file, if there is one. */
  async load(): Promise<void> {
    if (!this.#file) return;
    try {
      const content = this.#file.read();
      if (content !== undefined) this.#restore(content);
    } catch (error) {
      this.reset();
      await this.#file.setAside(messageOf(error));
    }
  }

  /** For `startSandbox`: opens the ports. */
  async listen(): Promise<void> {
    const host = hostOf(this.options);
    for (const name of this.options.services ?? SERVICE_NAMES) {
      try {
        await this.services[name].listen();
      } catch (error) {
        await this.close();
        if (!hasCode(error, 'EADDRINUSE')) throw error;
        throw new PortTaken(name, host, portOf(this.options, name), `ports.${name}`);
      }
    }
    this.#file?.start();
  }

  #snapshot(): unknown {
    return {
      version: STATE_VERSION,
      stock: this.stock.snapshot(),
      carts: this.carts.snapshot(),
      notifications: this.notifications.snapshot(),
      answers: Object.fromEntries(
        SERVICE_NAMES.map((name) => [name, this.services[name].answers.snapshot()]),
      ),
    };
  }

  #restore(content: unknown): void {
    const fields = readFields(content, 'the state');
    readInteger(fields['version'], 'version', STATE_VERSION, STATE_VERSION);
    this.stock.restore(fields['stock']);
    this.carts.restore(fields['carts']);
    this.notifications.restore(fields['notifications']);
    const answers = readFields(fields['answers'], 'answers');
    for (const name of SERVICE_NAMES) this.services[name].answers.restore(answers[name]);
  }
}

function hostOf({ host = '127.0.0.1' }: SandboxOptions): string {
  return host;
}

function portOf({ ports }: SandboxOptions, name: ServiceName): number {
  return ports?.[name] ?? DEFAULT_PORTS[name];
}

function serverOptions(
  options: SandboxOptions,
  name: ServiceName,
  changed: () => void,
): ConstructorParameters<typeof ServiceServer>[1] {
  const honour = options.honourIdempotencyKeys ?? true;
  const delayMs = options.delaysMs?.[name] ?? DEFAULT_DELAYS_MS[name];
  if (!(delayMs >= 0 && delayMs <= MAX_ANSWER_DELAY_MS)) {
    throw new RangeError(`delaysMs.${name} must be from 0 to ${MAX_ANSWER_DELAY_MS}`);
  }
  return {
    host: hostOf(options),
    port: portOf(options, name),
    delayMs,
    honourIdempotencyKeys: typeof honour === 'boolean' ? honour : (honour[name] ?? true),
    changed,
  };
}

/**
 * Starts stand-ins for the other services: real HTTP servers in this process.
 *
 * @throws {PortTaken} when another program listens on one of the ports; then nothing is left running
 */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const sandbox = new Sandbox(options);
  await sandbox.load();
  await sandbox.listen();
  return sandbox;
}
