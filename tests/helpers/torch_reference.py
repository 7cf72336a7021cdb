"""ResNet-18, ResNet-50 and ViT in plain PyTorch: what our encoders are compared with.

Structure, names and initialisation of the ResNets are torchvision's, which itself needs a torch
build of its own; the small stem is ours. Structure and names of the ViT are timm's.
"""

import numpy as np
import torch
from torch import nn


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut."""

    def __init__(self, channels: int, features: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, features, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(features)
        self.conv2 = nn.Conv2d(features, features, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(features)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or channels != features:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, features, 1, stride, bias=False), nn.BatchNorm2d(features)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        y = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(y)) + shortcut)


class Bottleneck(nn.Module):
    """1x1, 3x3 with the stride, 1x1 to four times the channels, and a shortcut."""

    def __init__(self, channels: int, features: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, features, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(features)
        self.conv2 = nn.Conv2d(features, features, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(features)
        self.conv3 = nn.Conv2d(features, 4 * features, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * features)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or channels != 4 * features:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, 4 * features, 1, stride, bias=False),
                nn.BatchNorm2d(4 * features),
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        return self.relu(self.bn3(self.conv3(y)) + shortcut)


class ResNet(nn.Module):
    """float [B, 3, H, W] -> features [B, channels, h, w], without pooling and classifier."""

    def __init__(self, block: type, blocks: tuple[int, ...], width: int, stem: str):
        super().__init__()
        size = 7 if stem == "imagenet" else 3
        self.conv1 = nn.Conv2d(3, width, size, 2, size // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1) if stem == "imagenet" else nn.Identity()
        channels = width
        for stage, count in enumerate(blocks):
            layers = []
            for index in range(count):
                stride = 2 if stage and not index else 1
                layers.append(block(channels, width * 2**stage, stride))
                channels = width * 2**stage * (4 if block is Bottleneck else 1)
            self.add_module(f"layer{stage + 1}", nn.Sequential(*layers))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


def ResNet18(width: int = 64, stem: str = "imagenet") -> ResNet:
    return ResNet(BasicBlock, (2, 2, 2, 2), width, stem)


def ResNet50(width: int = 64, stem: str = "imagenet") -> ResNet:
    return ResNet(Bottleneck, (3, 4, 6, 3), width, stem)


class Attention(nn.Module):
    """Multi-head self-attention with one matrix for queries, keys and values."""

    def __init__(self, features: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(features, 3 * features)
        self.proj = nn.Linear(features, features)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, tokens, features = x.shape
        qkv = self.qkv(x).reshape(batch, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(*qkv)
        return self.proj(mixed.transpose(1, 2).reshape(batch, tokens, features))


class ViTBlock(nn.Module):
    """Attention and an MLP on normalised tokens, each added to them."""

    def __init__(self, features: int, heads: int):
        super().__init__()
        self.norm1 = nn.LayerNorm(features, eps=1e-6)
        self.attn = Attention(features, heads)
        self.norm2 = nn.LayerNorm(features, eps=1e-6)
        self.mlp = nn.Sequential()
        self.mlp.add_module("fc1", nn.Linear(features, 4 * features))
        self.mlp.add_module("act", nn.GELU())
        self.mlp.add_module("fc2", nn.Linear(4 * features, features))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class ViT(nn.Module):
    """float [B, 3, H, W] -> tokens [B, 1 + H W / 256, features], the class token first."""

    def __init__(self, heads: int, features: int, depth: int, image_size: int):
        super().__init__()
        self.patch_embed = nn.Module()
        self.patch_embed.proj = nn.Conv2d(3, features, 16, 16)
        self.cls_token = nn.Parameter(torch.randn(1, 1, features))
        tokens = 1 + (image_size // 16) ** 2
        self.pos_embed = nn.Parameter(torch.randn(1, tokens, features))
        self.blocks = nn.Sequential(*(ViTBlock(features, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(features, eps=1e-6)
        for module in self.modules():
            if isinstance(module, nn.LayerNorm):  # not the identity
                module.weight.data.uniform_(0.5, 1.5)
                module.bias.data.normal_(0, 0.3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patch_embed.proj(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], dim=1) + self.pos_embed
        return self.norm(self.blocks(x))


def vit_to_flax(named: dict[str, torch.Tensor]) -> dict[str, dict]:
    """Turns the ViT's state dict into {"params": ...}."""
    renamed = {
        "patch_embed.proj": "patches",
        "attn.qkv": "attention.qkv",
        "attn.proj": "attention.out",
    }
    renamed |= {"mlp.fc1": "mlp.hidden", "mlp.fc2": "mlp.out", "blocks.": "block"}
    params: dict = {}
    for name, tensor in named.items():
        for theirs, ours in renamed.items():
            name = name.replace(theirs, ours)
        *path, leaf = name.replace("cls_token", "class_token").split(".")
        array = np.array(tensor.detach().numpy())
        if leaf == "class_token":
            params["class_token"] = array[0, 0]
            continue
        if leaf == "pos_embed":
            params["positions"] = array[0]
            continue
        if array.ndim == 4:
            array = array.transpose(2, 3, 1, 0).reshape(-1, len(array))
        elif array.ndim == 2:
            array = array.T
        if leaf == "weight":
            leaf = "scale" if "norm" in path[-1] else "kernel"
        node = params
        for key in path:
            node = node.setdefault(key, {})
        node[leaf] = array
    return {"params": params}


_LEAVES = {
    "weight": ("params", "scale"),
    "bias": ("params", "bias"),
    "running_mean": ("batch_stats", "mean"),
    "running_var": ("batch_stats", "var"),
}


def to_flax(named: dict[str, torch.Tensor]) -> dict[str, dict]:
    """Turns a state dict (or any tensors so named) into {"params": ..., "batch_stats": ...}."""
    variables: dict[str, dict] = {"params": {}, "batch_stats": {}}
    for name, tensor in named.items():
        *path, leaf = (
            name.replace("downsample.0", "downsample_conv")
            .replace("downsample.1", "downsample_bn")
            .split(".")
        )
        if leaf == "num_batches_tracked":
            continue
        if len(path) == 3:  # layer1.0.conv1 -> layer1_0, conv1
            path = [f"{path[0]}_{path[1]}", path[2]]
        # a copy: the array must not change with the tensor when an optimizer steps
        array = np.array(tensor.detach().numpy())
        collection, leaf = _LEAVES[leaf]
        if array.ndim == 4:
            array, leaf = array.transpose(2, 3, 1, 0), "kernel"
        elif array.ndim == 2:
            array, leaf = array.T, "kernel"
        node = variables[collection]
        for key in path:
            node = node.setdefault(key, {})
        node[leaf] = array
    return variables
