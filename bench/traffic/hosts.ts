// Two hosts with a router between them, each in a network namespace of its own: for what needs real connections.

import { Namespace } from '../../test/support/namespace.ts';

/** The client is the second inside address of contestants.ts; the server's is its own. */
export const SERVER = '192.0.2.2';
const CLIENT = '10.0.0.1';

export class Hosts implements AsyncDisposable {
  readonly client: Namespace;
  /** Has `in0` and `out0`. */
  readonly router: Namespace;
  readonly server: Namespace;

  private constructor(client: Namespace, router: Namespace, server: Namespace) {
    this.client = client;
    this.router = router;
    this.server = server;
  }

  static async make(): Promise<Hosts> {
    const [client, router, server] = [
      await Namespace.make('client'),
      await Namespace.make('router'),
      await Namespace.make('server'),
    ];
    const hosts = new Hosts(client, router, server);
    try {
      await router.sysctl({ 'ipv4/ip_forward': 1 });
      await router.ip(
        `link add in0 type veth peer name in1 netns ${client.name}`,
        `link add out0 type veth peer name out1 netns ${server.name}`,
        'addr add 10.255.255.254/8 dev in0',
        'addr add 192.0.2.1/24 dev out0',
        'link set in0 up',
        'link set out0 up',
      );
      await client.ip(
        `addr add ${CLIENT}/8 dev in1`,
        'link set in1 up',
        'route add default via 10.255.255.254',
      );
      await server.ip(
        `addr add ${SERVER}/24 dev out1`,
        'link set out1 up',
        'route add default via 192.0.2.1',
      );
      // XDP can send to a veth only where the other end polls.
      await client.offload('in1', 'gro on');
      await server.offload('out1', 'gro on');
      await client.must(['ping', '-c', '1', '-W', '2', SERVER]);
      return hosts;
    } catch (error) {
      await hosts[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of [this.client, this.router, this.server]) await one.remove();
  }
}
