"""The graph module in float64 NumPy, node by node, from the equations of docs/method.md 5."""

import itertools

import numpy as np


def relu(x):
    return np.maximum(x, 0)


def softmax(x):
    shifted = np.exp(x - x.max(-1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)


def dense(x, layer):
    return x @ layer["kernel"] + layer.get("bias", 0)


def adjacency(prior, domains, assumption, form="strict", semantics="label"):
    """A of one branch, one entry at a time (method 5.2, 5.3)."""
    classes = len(prior)
    nodes = list(itertools.product(range(domains), range(classes)))
    a = np.zeros((len(nodes), len(nodes)))
    for (row, (d, n)), (column, (e, m)) in itertools.product(enumerate(nodes), repeat=2):
        same, copies = (d, n) == (e, m), n == m
        if assumption == "none":
            linked = same
        elif semantics == "similarity":
            related = prior[n, m]
            linked = related if assumption == "homophily" else (1.0 if copies else 1 - related)
        elif semantics == "label" and assumption == "homophily":
            linked = copies
        elif form == "full":
            linked = prior[n, m]
        elif form == "strict":
            linked = same if copies else prior[n, m]
        else:
            linked = same if d == e else prior[n, m]
        a[row, column] = linked
    return a


def normalised(a):
    """a_ij / sqrt(d_i d_j); a node without edges has a row of zeros."""
    degree = a.sum(1)
    out = np.zeros_like(a)
    for i, j in itertools.product(range(len(a)), repeat=2):
        if a[i, j]:
            out[i, j] = a[i, j] / np.sqrt(degree[i] * degree[j])
    return out


def without_loops(a):
    return a - np.diag(np.diag(a))


def gcn(p, x, a, layers, high_pass=False):
    s = np.eye(len(a)) - normalised(a) if high_pass else normalised(a)
    outputs = []
    for layer in range(layers):
        x = relu(s @ dense(x, p[f"w{layer}"]) + p[f"b{layer}"])
        outputs.append(x)
    return np.concatenate(outputs, -1)


def h2gcn(p, x, a, layers):
    n = len(a)
    two = np.zeros_like(a)
    for i, j in itertools.product(range(n), repeat=2):
        shares = any(a[i, k] > 0 and a[k, j] > 0 for k in range(n))
        two[i, j] = shares and i != j and a[i, j] == 0
    s1, s2 = normalised(without_loops(a)), normalised(two)
    state = relu(dense(x, p["w"]))
    states = [state]
    for _ in range(layers):
        state = np.concatenate([s1 @ state, s2 @ state], -1)
        states.append(state)
    return np.concatenate(states, -1)


def fagcn(p, x, a, layers):
    edges = normalised(without_loops(a))
    start = state = relu(dense(x, p["w"]))
    for layer in range(layers):
        g = p[f"gate{layer}"]["kernel"]
        new = 0.3 * start
        for i, j in itertools.product(range(len(a)), repeat=2):
            gate = np.tanh(state[:, i] @ g[:, 0] + state[:, j] @ g[:, 1])
            new[:, i] += (gate * edges[i, j])[:, None] * state[:, j]
        state = new
    return state


def acm(p, x, a, layers):
    low = normalised(a)
    for layer in range(layers):
        channels = {
            "low": relu(low @ dense(x, p[f"w_low{layer}"])),
            "high": relu((np.eye(len(a)) - low) @ dense(x, p[f"w_high{layer}"])),
            "identity": relu(dense(x, p[f"w_identity{layer}"])),
        }
        scores = [dense(h, p[f"score_{name}{layer}"]) for name, h in channels.items()]
        gates = 1 / (1 + np.exp(-np.concatenate(scores, -1)))
        weights = softmax(dense(gates, p[f"mix{layer}"]) / 3)
        x = 3 * sum(weights[..., i, None] * h for i, h in enumerate(channels.values()))
    return x


def gprgnn(p, x, a, layers):
    for layer in range(layers):
        x = relu(dense(x, p[f"w{layer}"]))
    s, total = normalised(a), 0
    for k, gamma in enumerate(p["gamma"]):
        total = total + gamma * np.linalg.matrix_power(s, k) @ x
    return total


def cpgnn(p, x, a, layers):
    for layer in range(layers - 1):
        x = relu(dense(x, p[f"w{layer}"]))
    h = p["compatibility"]
    h = h - h.mean(0, keepdims=True)
    h = h - h.mean(1, keepdims=True)
    prior = softmax(dense(x, p[f"w{layers - 1}"])) - 1 / len(h)
    beliefs = prior.copy()
    for i, j in itertools.product(range(len(a)), repeat=2):
        if i != j:
            beliefs[:, i] += a[i, j] * (prior[:, j] @ h)
    return beliefs


def compatibility(a, classes):
    """CPGNN's start: rows and columns of Y^T A Y scaled in turn until all sum to one, less 1/N."""
    labels = np.zeros((len(a), classes))
    for node in range(len(a)):
        labels[node, node % classes] = 1
    h = labels.T @ a @ labels
    for _ in range(5000):
        h = h / h.sum(1, keepdims=True)
        h = h / h.sum(0, keepdims=True)
    return h - 1 / classes


CONVOLUTIONS = {
    "gcn": gcn,
    "h2gcn": h2gcn,
    "fagcn": fagcn,
    "acm": acm,
    "gprgnn": gprgnn,
    "cpgnn": cpgnn,
}


def relation(p, prior, domains, branch, form="strict", semantics="label"):
    """A branch's relation: the fixed adjacency, or what its theta makes of the edges."""
    a = adjacency(prior, domains, branch, form, semantics)
    if f"relation_{branch}" not in p:
        return a
    theta = p[f"relation_{branch}"]["theta"]
    return np.where(a > 0, np.log1p(np.exp((theta + theta.T) / 2)), 0)


def graph_module(p, embeddings, prior, assumption, form, semantics, conv, layers, readout):
    """Logits [batch, classes] of the graph module from its parameters (method 9.1, 9 to 14)."""
    batch, domains, classes, _ = embeddings.shape
    x = embeddings.reshape(batch, domains * classes, -1)
    outputs = [x]
    for branch in ("homophily", "heterophily") if assumption == "both" else (assumption,):
        a = relation(p, prior, domains, branch, form, semantics)
        own = (True,) if semantics == "filter" and branch == "heterophily" else ()
        outputs.append(CONVOLUTIONS[conv](p[f"{conv}_{branch}"], x, a, layers, *own))
    states = dense(np.concatenate(outputs, -1), p["mix"])
    if readout == "concat_fc":
        return dense(states.reshape(batch, -1), p["readout"])
    logits = np.zeros((batch, classes))
    for n in range(classes):
        u = sum(states[:, d * classes + n] for d in range(domains)) / domains
        logits[:, n] = u @ p["readout"][n] + p["readout_bias"][n]
    return logits
