"""The protocol alone: nodes in one process, messages in queues that are emptied in any order."""

from collections import Counter, deque

from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.monitors.vnuma.coherence import NONE, READ, WRITE, Coherence
from simulator.monitors.vnuma.messages import Message
from simulator.monitors.vnuma.messages import MessageKind as Kind

PAGES = 4


class Network:
    """A queue for each pair of nodes: what one sends another arrives in order."""

    def __init__(self, nodes: int) -> None:
        self.queues: dict[tuple[int, int], deque[Message]] = {}
        self.sent: Counter[Kind] = Counter()
        self.nodes = [Node(number, nodes, self) for number in range(nodes)]

    def deliverable(self) -> list[tuple[int, int]]:
        local = [(node.number, node.number) for node in self.nodes if node.coherence.has_work]
        return local + sorted(pair for pair, queue in self.queues.items() if queue)

    def deliver(self, pair: tuple[int, int]) -> None:
        source, target = pair
        if source == target:
            self.nodes[target].coherence.work()
        else:
            self.nodes[target].coherence.handle(self.queues[pair].popleft())
        self.check()

    def settle(self) -> None:
        while pairs := self.deliverable():
            self.deliver(pairs[0])

    def check(self) -> None:
        for page in range(PAGES):
            rights = [node.coherence.rights[page] for node in self.nodes]
            assert rights.count(WRITE) <= 1
            if WRITE in rights:
                assert rights.count(READ) == 0, rights


class Node:
    """A node with a number for each page's contents."""

    def __init__(self, number: int, nodes: int, network: Network) -> None:
        self.number = number
        self.network = network
        self.values = [0] * PAGES
        self.coherence = Coherence(number, nodes, PAGES, lambda page: page % nodes, self)

    def send(self, node: int, message: Message) -> None:
        self.network.sent[message.kind] += 1
        queue = self.network.queues.setdefault((self.number, node), deque())
        queue.append(message._replace(source=self.number))

    def contents(self, page: int) -> bytes:
        return self.values[page].to_bytes(8, "little")

    def set_contents(self, page: int, payload: bytes) -> None:
        self.values[page] = int.from_bytes(payload, "little")

    def rights_lost(self, page: int, left: int) -> None:
        assert self.coherence.rights[page] == left


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 4), st.data())
def test_every_write_is_seen_by_all_later_reads(nodes: int, data: st.DataObject) -> None:
    network = Network(nodes)
    latest = [0] * PAGES
    wanted: dict[int, tuple[int, bool]] = {}  # node -> page it waits for, and whether to write
    for step in range(1, data.draw(st.integers(1, 60)) + 1):
        idle = [node.number for node in network.nodes if node.number not in wanted]
        pairs = network.deliverable()
        if idle and (not pairs or data.draw(st.booleans())):
            number, page, write = (
                data.draw(st.sampled_from(idle)),
                data.draw(st.integers(0, 3)),
                data.draw(st.booleans()),
            )
            node = network.nodes[number]
            if node.coherence.rights[page] < (WRITE if write else READ):
                node.coherence.request(page, write=write)
            wanted[number] = (page, write)
        elif pairs:
            network.deliver(data.draw(st.sampled_from(pairs)))
        for number, (page, write) in list(wanted.items()):
            node = network.nodes[number]
            if node.coherence.pending is None:
                assert node.coherence.rights[page] >= (WRITE if write else READ)
                assert node.values[page] == latest[page]
                if write:
                    latest[page] = node.values[page] = step
                del wanted[number]
    network.settle()
    assert all(node.coherence.pending is None for node in network.nodes)


def acquire(network: Network, number: int, page: int, *, write: bool) -> Counter[Kind]:
    network.sent.clear()
    network.nodes[number].coherence.request(page, write=write)
    network.settle()
    return Counter(network.sent)


def test_messages_of_a_read_and_a_write_miss() -> None:
    network = Network(4)  # page 1: owner 1, manager 1; page 2: owner 2, manager 2
    assert acquire(network, 3, 1, write=False) == Counter({Kind.READ: 1, Kind.PAGE: 1, Kind.DONE: 1})
    assert acquire(network, 0, 1, write=False) == Counter({Kind.READ: 1, Kind.PAGE: 1, Kind.DONE: 1})
    # Two copies beside the writer's own go: the manager's and node 0's.
    expected = {
        Kind.WRITE: 1,
        Kind.GRANT: 1,
        Kind.INVALIDATE: 1,
        Kind.INVALIDATED: 2,
        Kind.DONE: 1,
    }
    assert acquire(network, 3, 1, write=True) == Counter(expected)
    assert [node.coherence.rights[1] for node in network.nodes] == [NONE, NONE, NONE, WRITE]
    # Requester, manager and owner are three nodes.
    assert acquire(network, 0, 1, write=True) == Counter(
        {Kind.WRITE: 1, Kind.SEND_WRITE: 1, Kind.PAGE: 1, Kind.DONE: 1}
    )


def test_pages_nobody_else_wants_cost_no_message() -> None:
    network = Network(4)
    assert network.nodes[2].coherence.rights[2] == WRITE
    assert not network.sent
