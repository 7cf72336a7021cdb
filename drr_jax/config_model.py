"""The part of the configuration that says what is built: encoders, heads, graph, contrast."""

from dataclasses import dataclass, field

from drr_jax.keys import LARGE, MANY, key, number, positive


@dataclass
class Encoder:
    """The image encoder of R and S, with separate weights for each domain."""

    backbone: str = key("resnet18", "network of an image")
    width: int = positive(64, 8192, "of a ResNet's first stage, a ViT's head; 64 as published")
    depth: int = number(0, 0, 256, "layers of a ViT; 0: as published")
    stem: str = key(
        "imagenet",
        "of a ResNet: imagenet (7x7/2, pool: stride 32 in all), small (3x3/2: stride 16) or patch "
        "(4x4/4: stride 32)",
    )
    bn_group: int = number(0, 0, LARGE, "tuples that share BatchNorm statistics; 0: all")
    remat: bool = key(
        False, "of T too: blocks run again for their gradient; less memory, longer steps"
    )


@dataclass
class Text:
    """The caption encoder (reconstruction, method 4); weights bring their own sizes and pieces."""

    encoder: str = key("small", "transformer: small, or bert, the BERT family")
    frozen: bool = key(False, "of bert: train only what comes after it")
    vocabulary: int = positive(8192, LARGE, "word pieces; supplement 1.9 counts 8,049 words")
    max_tokens: int = positive(32, 65536, "word pieces of a caption that are read")
    width: int = positive(256, LARGE, "numbers a token")
    layers: int = positive(2, 256, "transformer layers")
    heads: int = positive(4, 256, "attention heads a layer")
    hidden: int = number(0, 0, LARGE, "of bert's MLP; 0: four times the width")


@dataclass
class Audio:
    """The encoder of sound (reconstruction, method 9.10)."""

    width: int = positive(32, 4096, "of its first stage, doubled by each of the three others")


@dataclass
class Head:
    """Class-wise attention, embeddings and projection (reconstruction, method 9.1)."""

    embedding: int = positive(256, LARGE, "K, numbers of a class's embedding")
    projection: int = positive(128, LARGE, "Z, numbers that the contrast compares")
    norm: str = key("none", "none, or two LayerNorms in the head of class embeddings (layer)")
    plain: bool = key(True, "whether DRR's logits also read the mean of the features")


@dataclass
class Graph:
    """The graph module (supplement 2.2, 3.2; reconstruction, method 5)."""

    enabled: bool = key(True, "whether there is a graph module")
    assumption: str = key("both", "links: a class's copies (homophily), related classes")
    het_form: str = key("strict", "domains and classes that heterophily links (method 5.3)")
    semantics: str = key("label", "what the two assumptions differ in (method 5.2, 5.3)")
    conv: str = key("gcn", "graph convolution")
    prior: str = key("on", "relation of the classes; on: that of the AUs or expressions")
    layers: int = positive(2, 64, "graph convolutions, one after the other")
    width: int = positive(256, LARGE, "G, numbers a node")
    dropout: float = number(0.2, 0, 0.99, "share of a node's numbers left out in training")
    readout: str = key("per_class", "logits from a class's own nodes, or from all side by side")
    top_k: int = number(
        0, 0, 1000, "relations that a class keeps, those of most co-occurrence (method 5.7); 0: all"
    )
    normalise: str = key("symmetric", "adjacency by both degrees (symmetric), or by the row's own")
    residual: bool = key(False, "of gcn: whether a layer adds to what comes in")
    stop_gradient: bool = key(
        False, "whether S, T, A are constants to it: its loss then trains the face's encoder alone"
    )


@dataclass
class Fusion:
    """How late_fusion joins its domains (reconstruction, method 7.2)."""

    level: str = key("features", "features side by side, or the mean of probabilities")


@dataclass
class AuGcn:
    """What au_gcn cuts its regions out by (reconstruction, method 7.2)."""

    landmarks: bool = key(True, "false, for sets without: by where the builders put eyes and mouth")


@dataclass
class Contrast:
    """Cross-domain contrastive learning (supplement 1.9, 2.2; reconstruction, method 6)."""

    enabled: bool = key(True, "whether there is a contrastive loss")
    scope: str = key(
        "batch_gated",
        "what is compared: batch_gated (C2 of method 6), tuple (C1) or tuple_batchneg (C3)",
    )
    prior: str = key("on", "relation of the classes, as for graph.prior")
    pairs: str = key("dyadic", "domains compared: dyadic (R with S, R with T) or all")
    tau: float = positive(0.07, 1e3, "temperature")
    related_weight: float = number(1.0, 0, 1e3, "rho, weight of a related class as a positive")
    group_size: int = positive(64, LARGE, "tuples contrasted with each other")
    warmup_steps: int = number(0, 0, MANY, "in which its weights rise from 0; 0: none")


@dataclass
class DomainEncoder:
    """What one domain's encoder starts from."""

    weights: str = key("none", "none (random), a file, a folder or hf:ORG/NAME[@REVISION]")


@dataclass
class ImageEncoder(DomainEncoder):
    """Likewise; and what its weights expect of images, which are grey levels of 0 to 1."""

    mean: str = key(
        "", "that weights expect of red+green+blue, as in 0.5+0.5+0.5; empty: as their files say"
    )
    std: str = key("", "likewise; files that say nothing mean ImageNet's")
    epsilon: float = number(0.0, 0, 0.1, "of a ViT's layer norm; 0: as those files say, or 1e-6")


@dataclass
class Encoders:
    """The encoders by domain; what they are made of stands under `encoder` and `text`."""

    R: ImageEncoder = field(default_factory=ImageEncoder)
    S: ImageEncoder = field(default_factory=ImageEncoder)
    T: DomainEncoder = field(default_factory=DomainEncoder)
    V: ImageEncoder = field(default_factory=ImageEncoder)
    D: ImageEncoder = field(default_factory=ImageEncoder)
    Th: ImageEncoder = field(default_factory=ImageEncoder)


@dataclass
class Model:
    """Which system learns: DRR, a baseline or a comparator of the paper's tables."""

    name: str = key("drr", "the system")
    drop_domains: float = number(
        0.0, 0, 1, "share of a batch's tuples that graph, fusion and contrast see the face of alone"
    )
    delay: str = key("none", "none, or window: attention over the stimulus's frames before a face")
    delay_by: str = key("all", "of window: one attention for all, or each person's, by the face")
    encoders: Encoders = field(default_factory=Encoders)
