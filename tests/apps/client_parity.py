"""Runs inside the client: trains a model on npu:0 and on the CPU from the same seed and data.

    client_parity.py STEPS SIZE

Prints one JSON line for each model and type: {"model", "type", "cpu": losses, "npu": losses}. With
f16 or bf16 the device trains in mixed precision, with a loss scaler for f16; the CPU stays in f32.
Networks are written here, small when SIZE is "small"; "full" has the published widths.
"""

import json
import sys

import torch
import torch.nn.functional as F
import torch_npu
from torch import nn


class Block(nn.Module):
    """ResNet's basic (expansion 1) and bottleneck (4) block."""

    def __init__(self, channels, width, stride, expansion):
        super().__init__()
        out = width * expansion
        if expansion == 1:
            shapes = [(channels, width, 3, stride), (width, width, 3, 1)]
        else:
            shapes = [(channels, width, 1, 1), (width, width, 3, stride), (width, out, 1, 1)]
        layers = []
        for a, b, size, step in shapes:
            layers += [nn.Conv2d(a, b, size, step, size // 2, bias=False), nn.BatchNorm2d(b)]
            layers += [nn.ReLU(inplace=True)]
        self.body = nn.Sequential(*layers[:-1])
        nn.init.zeros_(self.body[-1].weight)  # a block begins as its shortcut: well conditioned
        self.skip = nn.Identity()
        if stride != 1 or channels != out:
            self.skip = nn.Sequential(
                nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out)
            )

    def forward(self, x):
        return F.relu(self.body(x) + self.skip(x))


def resnet(depths, expansion, base, classes):
    layers = [nn.Conv2d(3, base, 7, 2, 3, bias=False), nn.BatchNorm2d(base), nn.ReLU()]
    layers.append(nn.MaxPool2d(3, 2, 1))
    channels = base
    for stage, depth in enumerate(depths):
        width = base << stage
        for i in range(depth):
            layers.append(Block(channels, width, 2 if stage and not i else 1, expansion))
            channels = width * expansion
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes)
    )


def double_convolution(a, b):
    layers = []
    for c in (a, b):
        layers += [nn.Conv2d(c, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU()]
    return nn.Sequential(*layers)


class UNet(nn.Module):
    def __init__(self, base, levels):
        super().__init__()
        widths = [base << i for i in range(levels + 1)]
        self.down = nn.ModuleList(
            double_convolution(a, b) for a, b in zip([3] + widths, widths, strict=False)
        )
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * w, w, 2, 2) for w in reversed(widths[:-1]))
        self.join = nn.ModuleList(double_convolution(2 * w, w) for w in reversed(widths[:-1]))
        self.head = nn.Conv2d(base, 2, 1)

    def forward(self, x):
        kept = []
        for i, stage in enumerate(self.down):
            x = stage(F.max_pool2d(x, 2) if i else x)
            kept.append(x)
        kept.pop()
        for up, join in zip(self.up, self.join, strict=True):
            x = join(torch.cat([kept.pop(), up(x)], 1))
        return self.head(x)


class DCGAN(nn.Module):
    """Generator and discriminator; the loss is the sum of both steps' losses."""

    def __init__(self, base, noise=16):
        super().__init__()
        self.noise = noise
        self.generator = nn.Sequential(
            nn.ConvTranspose2d(noise, 2 * base, 4, 1, 0, bias=False),
            nn.BatchNorm2d(2 * base),
            nn.ReLU(True),
            nn.ConvTranspose2d(2 * base, base, 4, 2, 1, bias=False),
            nn.BatchNorm2d(base),
            nn.ReLU(True),
            nn.ConvTranspose2d(base, 3, 4, 2, 1, bias=False),
            nn.Tanh(),
        )
        self.discriminator = nn.Sequential(
            nn.Conv2d(3, base, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, True),
            nn.Conv2d(base, 2 * base, 4, 2, 1, bias=False),
            nn.BatchNorm2d(2 * base),
            nn.LeakyReLU(0.2, True),
            nn.Conv2d(2 * base, 1, 4, 1, 0, bias=False),
            nn.Flatten(),
        )


class Classifier(nn.Module):
    def __init__(self, words, size, classes):
        super().__init__()
        self.embedding = nn.Embedding(words, size)
        self.lstm = nn.LSTM(size, size, batch_first=True)
        self.head = nn.Linear(size, classes)

    def forward(self, x):
        _, (h, _) = self.lstm(self.embedding(x))
        return self.head(h[-1])


def build(name, small):
    """The model, and a function that makes a batch."""

    def images(size, classes, batch):
        def make(generator):
            x = torch.randn(batch, 3, size, size, generator=generator)
            return x, torch.randint(classes, (batch,), generator=generator)

        return make

    def masks(generator):
        size = 32 if small else 128
        x = torch.randn(2, 3, size, size, generator=generator)
        return x, (x.mean(1) > 0).long()

    def noise(generator):
        return torch.randn(8, 3, 16, 16, generator=generator).tanh(), None

    def sentences(generator):
        x = torch.randint(50, (8, 12), generator=generator)
        return x, (x.sum(1) % 4).long()

    if name == "resnet18":
        model = resnet((1, 1, 1, 1) if small else (2, 2, 2, 2), 1, 8 if small else 64, 10)
        return model, images(64, 10, 8)
    if name == "resnet50":
        model = resnet((1, 1, 1, 1) if small else (3, 4, 6, 3), 4, 8 if small else 64, 10)
        return model, images(64, 10, 8)
    if name == "unet":
        return UNet(4 if small else 32, 2 if small else 4), masks
    if name == "dcgan":
        return DCGAN(8 if small else 64), noise
    return Classifier(50, 16 if small else 128, 4), sentences


def gan_losses(model, x, z):
    """Both losses of a step; the discriminator does not send gradients into the generator."""
    fake = model.generator(z)
    real_logits, fake_logits = model.discriminator(x), model.discriminator(fake.detach())
    ones, zeros = torch.ones_like(real_logits), torch.zeros_like(fake_logits)
    loss = F.binary_cross_entropy_with_logits
    d = loss(real_logits, ones) + loss(fake_logits, zeros)
    return d + loss(model.discriminator(fake), ones)


def train(name, steps, small, device, dtype=None):
    torch.manual_seed(1)
    model, make = build(name, small)
    model = model.to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    scaler = None
    if dtype == torch.float16:
        scaler = torch_npu.npu.amp.GradScaler(init_scale=1024.0)
    generator = torch.Generator().manual_seed(2)
    batches = [make(generator) for _ in range(4)]
    noise = torch.randn(4, 8, 16, 1, 1, generator=generator)
    losses = []
    for step in range(steps):
        x, target = (None if t is None else t.to(device) for t in batches[step % 4])
        optimizer.zero_grad()
        with torch.autocast(device, dtype=dtype or torch.bfloat16, enabled=dtype is not None):
            if name == "dcgan":
                loss = gan_losses(model, x, noise[step % 4].to(device))
            else:
                loss = F.cross_entropy(model(x), target)
        if scaler:
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
        else:
            loss.backward()
            optimizer.step()
        losses.append(loss.item())
    return losses


def main():
    steps, size = int(sys.argv[1]), sys.argv[2]
    torch_npu.npu.conv.allow_hf32 = False
    torch_npu.npu.matmul.allow_hf32 = False
    mixed = {"resnet18": "f16", "unet": "bf16", "lstm": "f16"}
    types = {"f32": None, "f16": torch.float16, "bf16": torch.bfloat16}
    for name in ("resnet18", "resnet50", "unet", "dcgan", "lstm"):
        cpu = train(name, steps, size == "small", "cpu")
        for kind in ("f32", mixed.get(name)):
            if kind:
                npu = train(name, steps, size == "small", "npu", types[kind])
                print(json.dumps({"model": name, "type": kind, "cpu": cpu, "npu": npu}), flush=True)


main()
