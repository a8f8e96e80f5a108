"""Networks that benchmarks and tests run: the usual ones, in plain torch, with random weights. Only
their shapes matter to a benchmark; batch norms get statistics that are not trivial, so that folding
them can be seen to be right."""

import warnings

import torch
from torch import nn


def unit(ci, co, kernel, step=1, groups=1):
    conv = nn.Conv2d(ci, co, kernel, step, kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(co)]


class Bottleneck(nn.Module):
    def __init__(self, inside, width, stride):
        super().__init__()
        self.body = nn.Sequential(
            *unit(inside, width, 1),
            nn.ReLU(True),
            *unit(width, width, 3, stride),
            nn.ReLU(True),
            *unit(width, 4 * width, 1),
        )
        needs = stride != 1 or inside != 4 * width
        self.side = nn.Sequential(*unit(inside, 4 * width, 1, stride)) if needs else nn.Identity()

    def forward(self, x):
        return torch.relu_(self.body(x) + self.side(x))


def resnet50():
    layers = [*unit(3, 64, 7, 2), nn.ReLU(True), nn.MaxPool2d(3, 2, 1)]
    inside = 64
    for width, count, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for i in range(count):
            layers.append(Bottleneck(inside, width, stride if i == 0 else 1))
            inside = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000))


class Inverted(nn.Module):
    def __init__(self, ci, co, stride, expand):
        super().__init__()
        wide = ci * expand
        first = [*unit(ci, wide, 1), nn.ReLU6(True)] if expand != 1 else []
        self.body = nn.Sequential(
            *first, *unit(wide, wide, 3, stride, wide), nn.ReLU6(True), *unit(wide, co, 1)
        )
        self.adds = stride == 1 and ci == co

    def forward(self, x):
        return x + self.body(x) if self.adds else self.body(x)


def mobilenet_v2():
    layers = [*unit(3, 32, 3, 2), nn.ReLU6(True)]
    inside = 32
    for expand, width, count, stride in (
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ):
        for i in range(count):
            layers.append(Inverted(inside, width, stride if i == 0 else 1, expand))
            inside = width
    layers += [*unit(inside, 1280, 1), nn.ReLU6(True)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, 1000))


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def split(self, x):
        n, tokens, width = x.shape
        return x.view(n, tokens, self.heads, width // self.heads).transpose(1, 2)

    def forward(self, x, mask=None):
        q, k, v = self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))
        scores = q @ k.transpose(-1, -2) / (q.shape[-1] ** 0.5)
        if mask is not None:
            scores = scores + mask
        mixed = (torch.softmax(scores, -1) @ v).transpose(1, 2)
        return self.out(mixed.reshape(x.shape))


def feed_forward(width, wide):
    return nn.Sequential(nn.Linear(width, wide), nn.GELU(), nn.Linear(wide, width))


class BertLayer(nn.Module):
    """Normalises after each half, as BERT does."""

    def __init__(self, width=768):
        super().__init__()
        self.attention, self.mlp = Attention(width, width // 64), feed_forward(width, 4 * width)
        self.norm1, self.norm2 = (nn.LayerNorm(width, eps=1e-12) for _ in range(2))

    def forward(self, x, mask):
        x = self.norm1(x + self.attention(x, mask))
        return self.norm2(x + self.mlp(x))


class Bert(nn.Module):
    def __init__(self, width=768, layers=12, words=30522):
        super().__init__()
        self.words, self.places = nn.Embedding(words, width), nn.Embedding(512, width)
        self.kinds = nn.Embedding(2, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.layers = nn.ModuleList(BertLayer(width) for _ in range(layers))
        self.pooler = nn.Linear(width, width)

    def forward(self, ids, mask):
        places = torch.arange(ids.shape[1])[None]
        x = self.words(ids) + self.kinds(torch.zeros_like(ids)) + self.places(places)
        x = self.norm(x)
        mask = (1.0 - mask[:, None, None, :].to(x.dtype)) * -1e4
        for layer in self.layers:
            x = layer(x, mask)
        return x, torch.tanh(self.pooler(x[:, 0]))


class VitLayer(nn.Module):
    """Normalises before each half."""

    def __init__(self, width=768):
        super().__init__()
        self.attention, self.mlp = Attention(width, width // 64), feed_forward(width, 4 * width)
        self.norm1, self.norm2 = (nn.LayerNorm(width, eps=1e-6) for _ in range(2))

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Vit(nn.Module):
    def __init__(self, width=768, layers=12):
        super().__init__()
        self.patches = nn.Conv2d(3, width, 16, 16)
        self.first = nn.Parameter(torch.randn(1, 1, width))
        self.places = nn.Parameter(torch.randn(1, 197, width))
        self.layers = nn.Sequential(*(VitLayer(width) for _ in range(layers)))
        self.norm, self.head = nn.LayerNorm(width, eps=1e-6), nn.Linear(width, 1000)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.first, x], 1) + self.places
        return self.head(self.norm(self.layers(x))[:, 0])


def image():
    return (torch.randn(1, 3, 224, 224),)


def tokens():
    return torch.randint(30522, (1, 128)), torch.ones(1, 128, dtype=torch.int64)


MODELS = {
    "resnet50": (resnet50, image),
    "mobilenet_v2": (mobilenet_v2, image),
    "bert_base": (Bert, tokens),
    "vit_b16": (Vit, image),
}


def settle(model):
    """Statistics as a trained network might have them; activations stay of order 1."""
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.5, 1.5)
            part.weight.data.uniform_(0.5, 1.5)
            part.bias.data.normal_(0, 0.1)
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight)
    return model.eval()


def export(name, path, **sizes):
    """Writes the ONNX file of a model of MODELS; |sizes| are its constructor's."""
    torch.manual_seed(0)
    make, inputs = MODELS[name]
    model, inputs = settle(make(**sizes)), inputs()
    names = [f"x{i}" for i in range(len(inputs))]
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model, inputs, path, input_names=names, opset_version=17, dynamo=False, verbose=False
        )
