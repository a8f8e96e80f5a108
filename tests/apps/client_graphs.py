"""Runs inside the client: torch.npu graphs against the same work done eagerly.

Prints one JSON line per case: {"case", "error"}; error is null when it did what it must.
"""

import json
import os
import tempfile
import traceback

import torch
import torch.nn.functional as F
import torch_npu  # noqa: F401
from torch_npu.npu._npugraph_conditional_nodes import NPUGraphCaptureControlFlowOpDispatchMode

STEPS = 5


def network():
    torch.manual_seed(1)
    layers = [torch.nn.Linear(16, 32), torch.nn.ReLU(), torch.nn.Linear(32, 4)]
    return torch.nn.Sequential(*layers).npu()


def batch(step):
    generator = torch.Generator().manual_seed(100 + step)
    return torch.randn(8, 16, generator=generator), torch.randint(0, 4, (8,), generator=generator)


def on_side_stream(work):
    stream = torch.npu.Stream()
    stream.wait_stream(torch.npu.current_stream())
    with torch.npu.stream(stream):
        for _ in range(2):
            work()
    torch.npu.current_stream().wait_stream(stream)


def same(ours, theirs):
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert torch.equal(a.cpu(), b.cpu()), (a, b)


def inference():
    model = network()
    with torch.no_grad():
        fixed = batch(0)[0].npu()
        on_side_stream(lambda: model(fixed))
        graph = torch.npu.NPUGraph()
        with torch.npu.graph(graph):
            captured = model(fixed)
        for step in range(STEPS):
            fixed.copy_(batch(step)[0])
            graph.replay()
            same([captured], [model(batch(step)[0].npu())])


def train(model, step_of):
    """Losses and final parameters of |STEPS| steps; |step_of| makes the function of one step."""
    step = step_of(model, torch.optim.SGD(model.parameters(), lr=0.1))
    losses = [step(*batch(i)).detach().cpu() for i in range(STEPS)]
    return losses + [p.detach() for p in model.parameters()]


def eager_step(model, optimizer):
    def step(x, target):
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(model(x.npu()), target.npu())
        loss.backward()
        optimizer.step()
        return loss

    return step


def captured_step(model, optimizer):
    x, target = (part.npu() for part in batch(0))
    before = [p.detach().clone() for p in model.parameters()]

    def whole():
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(model(x), target)
        loss.backward()
        optimizer.step()
        return loss

    on_side_stream(whole)
    with torch.no_grad():
        for parameter, value in zip(model.parameters(), before, strict=True):
            parameter.copy_(value)
    graph = torch.npu.NPUGraph()
    with torch.npu.graph(graph):
        captured = whole()

    def step(new_x, new_target):
        x.copy_(new_x)
        target.copy_(new_target)
        graph.replay()
        return captured

    return step


def training():
    same(train(network(), captured_step), train(network(), eager_step))


def graphed_callables():
    ours, theirs = network(), network()
    ours = torch.npu.make_graphed_callables(ours, (batch(0)[0].npu(),))
    for step in range(STEPS):
        x, target = (part.npu() for part in batch(step))
        for model in (ours, theirs):
            model.zero_grad()
            F.cross_entropy(model(x), target).backward()
        same([p.grad for p in ours.parameters()], [p.grad for p in theirs.parameters()])


def two_streams():
    side = torch.npu.Stream()
    x, w = torch.ones(8, 8, device="npu"), torch.randn(8, 8, device="npu")
    graph = torch.npu.NPUGraph()
    with torch.npu.graph(graph):
        main = torch.npu.current_stream()
        side.wait_stream(main)
        with torch.npu.stream(side):
            b = x @ w
        a = x + w
        main.wait_stream(side)
        out = a * b
    for value in (1.0, 2.0):
        x.fill_(value)
        graph.replay()
        same([out], [(x + w) * (x @ w)])


def task_groups():
    graph, event, updates = torch.npu.NPUGraph(), torch.npu.ExternalEvent(), torch.npu.Stream()
    x, out = torch.ones(4, device="npu"), torch.zeros(4, device="npu")
    with torch.npu.graph(graph):
        stream = torch.npu.current_stream()
        event.wait(stream)
        event.reset(stream)
        torch.npu.graph_task_group_begin(stream)
        torch.add(x, x, alpha=2, out=out)
        handle = torch.npu.graph_task_group_end(stream)
    for alpha in (3, 10):
        graph.replay()
        with torch.npu.stream(updates):
            torch.npu.graph_task_update_begin(updates, handle)
            torch.add(x, x, alpha=alpha, out=out)
            torch.npu.graph_task_update_end(updates)
            event.record(updates)
        torch.npu.synchronize()
        same([out], [torch.full((4,), 1.0 + alpha)])


def conditions():
    def choose(x, outer, inner):
        def first(t):
            return torch.cond(inner, lambda u: u * u, lambda u: u + u, (t,))

        return torch.cond(outer, first, lambda t: t - 1, (x,)) + x

    x = torch.randn(4, device="npu")
    outer, inner = (torch.tensor(True, device="npu") for _ in range(2))
    graph = torch.npu.NPUGraph()
    with (
        torch.npu.graph(graph, stream=torch.npu.Stream()),
        NPUGraphCaptureControlFlowOpDispatchMode(),
    ):
        out = choose(x, outer, inner)
    for o, i in ((True, True), (True, False), (False, True)):
        outer.fill_(o)
        inner.fill_(i)
        graph.replay()
        same([out], [((x * x if i else x + x) if o else x - 1) + x])


def pinned_copies():
    host = torch.zeros(1000).pin_memory()
    x = torch.zeros(1000, device="npu")
    graph = torch.npu.NPUGraph()
    with torch.npu.graph(graph):
        y = x + 1
        host.copy_(y, non_blocking=True)
    for value in (3.0, 4.0):
        x.fill_(value)
        graph.replay()
        torch.npu.synchronize()
        assert host.eq(value + 1).all()


def memory_pools():
    pool = torch.npu.graph_pool_handle()
    x, graphs, outs = torch.ones(1000, device="npu"), [], []
    for factor in (2.0, 3.0):
        graph = torch.npu.NPUGraph()
        with torch.npu.graph(graph, pool=pool):
            outs.append(x * factor)
        graphs.append(graph)
    for graph in graphs:
        graph.replay()
    assert outs[0].eq(2).all() and outs[1].eq(3).all()


def refused():
    """What a capture forbids says so with its code, and the next capture works."""
    x = torch.ones(4, device="npu")
    for call, code in ((lambda: x.cpu(), "107030"), (torch.npu.synchronize, "107041")):
        try:
            with torch.npu.graph(torch.npu.NPUGraph()):
                y = x + 1
                call()
        except RuntimeError as error:
            assert code in str(error), error
        else:
            raise AssertionError("it was allowed")
    graph = torch.npu.NPUGraph()
    with torch.npu.graph(graph):
        y = x + 1
    graph.replay()
    same([y], [torch.full((4,), 2.0)])


def dump():
    graph, x = torch.npu.NPUGraph(), torch.ones(4, device="npu")
    with torch.npu.graph(graph):
        x = x + 1
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "graph.json")
        graph.debug_dump(path)
        with open(path) as file:
            names = [event["name"] for event in json.load(file)]
        assert any("Add" in name for name in names), names
        assert os.path.exists(os.path.join(folder, "graph.aligned.json"))


CASES = (
    inference,
    training,
    graphed_callables,
    two_streams,
    task_groups,
    conditions,
    pinned_copies,
    memory_pools,
    refused,
    dump,
)

for case in CASES:
    failure = None
    try:
        case()
        torch.npu.synchronize()
    except Exception:
        failure = traceback.format_exc()
    print(json.dumps({"case": case.__name__, "error": failure}), flush=True)
