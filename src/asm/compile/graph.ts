// The interference graph as a data structure: a node for each virtual register, edges between those live at the same time.
// Machine registers are no nodes: each node has the set of those it cannot be in, as the bits of a number.

import { BitRows, bitCount } from './bits.ts';
import { NONE } from './table.ts';

/** What there is room for at first. */
const EDGES_PER_NODE = 12;

export class Graph {
  readonly nodes: number;
  /** Machine registers that hold something else while the node is live. */
  readonly machine: Int32Array;
  /** Machine registers it is moved from or to. */
  readonly wishes: Int32Array;
  /** Pairs of nodes, the second moved to the first. */
  readonly moves: number[] = [];
  /** How many neighbours each has, machine registers included. */
  readonly degree: Int32Array;
  /** How often each is read or written, by estimate: what is off the usual way counts little. */
  readonly uses: Float64Array;
  /** For each node that became part of another one, that one; else NONE. */
  readonly parts: Int32Array;

  readonly #adjacent: BitRows;
  /** The edges of a node are a list: the first, and behind each the next and where it goes. */
  readonly #first: Int32Array;
  #next: Int32Array;
  #to: Int32Array;
  #edges = 0;

  constructor(nodes: number) {
    this.nodes = nodes;
    this.machine = new Int32Array(nodes);
    this.wishes = new Int32Array(nodes);
    this.degree = new Int32Array(nodes);
    this.uses = new Float64Array(nodes);
    this.parts = new Int32Array(nodes).fill(NONE);
    this.#adjacent = new BitRows(nodes, nodes);
    this.#first = new Int32Array(nodes).fill(NONE);
    this.#next = new Int32Array(EDGES_PER_NODE * nodes);
    this.#to = new Int32Array(EDGES_PER_NODE * nodes);
  }

  areNeighbours(a: number, b: number): boolean {
    return this.#adjacent.has(a, b);
  }

  /** Makes neighbours of two nodes that are not yet. */
  join(a: number, b: number): void {
    this.#adjacent.add(a, b);
    this.#adjacent.add(b, a);
    this.#addEdge(a, b);
    this.#addEdge(b, a);
  }

  #addEdge(from: number, to: number): void {
    const edge = this.#edges++;
    if (edge === this.#to.length) {
      this.#next = grown(this.#next);
      this.#to = grown(this.#to);
    }
    this.#to[edge] = to;
    this.#next[edge] = this.#first[from]!;
    this.#first[from] = edge;
    this.degree[from]!++;
  }

  exclude(node: number, machine: number): void {
    const more = machine & ~this.machine[node]!;
    if (more === 0) return;
    this.machine[node]! |= more;
    this.degree[node]! += bitCount(more);
  }

  /** The first edge of a node, or NONE. */
  edge(node: number): number {
    return this.#first[node]!;
  }
  nextEdge(edge: number): number {
    return this.#next[edge]!;
  }
  /** The node at the other end; it may have become part of another. */
  end(edge: number): number {
    return this.#to[edge]!;
  }

  /** The node that `node` is part of now. */
  actual(node: number): number {
    let current = node;
    for (let next = this.parts[current]!; next !== NONE; next = this.parts[current]!) current = next;
    return current;
  }

  /** Makes node `b` part of node `a`, which is not its neighbour. */
  merge(a: number, b: number): void {
    for (let e = this.#first[b]!; e !== NONE; e = this.#next[e]!) {
      const other = this.#to[e]!;
      if (this.parts[other] !== NONE) continue;
      if (!this.#adjacent.has(a, other)) this.join(a, other);
      this.degree[other]!--;
    }
    this.exclude(a, this.machine[b]!);
    this.wishes[a]! |= this.wishes[b]!;
    this.uses[a]! += this.uses[b]!;
    this.parts[b] = a;
  }
}

function grown(array: Int32Array): Int32Array {
  const larger = new Int32Array(2 * array.length + EDGES_PER_NODE);
  larger.set(array);
  return larger;
}
