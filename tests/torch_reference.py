"""ResNet-18 in plain PyTorch, written out: what our encoder is compared with.

Structure, names and initialisation are torchvision's `resnet18`; torchvision itself needs a torch
build of its own. The small stem is ours.
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


class ResNet18(nn.Module):
    """float [B, 3, H, W] -> features [B, 8 * width, h, w], without pooling and classifier."""

    def __init__(self, width: int = 64, stem: str = "imagenet"):
        super().__init__()
        size = 7 if stem == "imagenet" else 3
        self.conv1 = nn.Conv2d(3, width, size, 2, size // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1) if stem == "imagenet" else nn.Identity()
        for stage in range(4):
            features = width * 2**stage
            first = BasicBlock(features // 2 if stage else width, features, 2 if stage else 1)
            layer = nn.Sequential(first, BasicBlock(features, features, 1))
            self.add_module(f"layer{stage + 1}", layer)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


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
