"""Trains a small network on the handwritten digits that scikit-learn ships, on one device.

    anycann run python train.py                  on npu:0
    python train.py --device cpu                 the same run on the CPU

Weights, shuffling and batches are drawn on the CPU, so that both runs see the same numbers: their
losses agree within 1e-4. At the end a run on npu:0 prints which operators ran, and how often.
"""

import argparse
import os
import subprocess
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import nn


def digits():
    """1797 pictures of 8 x 8 pixels; every fifth is kept for the test."""
    data = load_digits()
    pictures = torch.tensor(data.data / 16.0, dtype=torch.float32)
    labels = torch.tensor(data.target, dtype=torch.int64)
    is_test = torch.arange(len(labels)) % 5 == 0
    return pictures[~is_test], labels[~is_test], pictures[is_test], labels[is_test]


def train(device, epochs, batch_size, rate):
    torch.manual_seed(0)
    pictures, labels, test_pictures, test_labels = digits()
    network = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10)).to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    loss_of = nn.CrossEntropyLoss()

    losses = []
    for epoch in range(1, epochs + 1):
        order = torch.randperm(len(labels))
        total = 0.0
        for batch in order.split(batch_size):
            x, y = pictures[batch].to(device), labels[batch].to(device)
            optimizer.zero_grad()
            loss = loss_of(network(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        losses.append(total / len(labels))
        print(f"epoch {epoch:2}  loss {losses[-1]:.6f}")

    with torch.no_grad():
        guesses = network(test_pictures.to(device)).argmax(dim=1).cpu()
    accuracy = (guesses == test_labels).float().mean().item()
    print(f"accuracy {accuracy:.4f} on {len(test_labels)} pictures not seen before")
    return losses, accuracy


def print_report():
    """What this process asked of CANN. Another provider's toolkit has no such command."""
    command = Path(os.environ.get("ASCEND_HOME_PATH", "/")) / "bin" / "anycann"
    if command.exists():
        print(flush=True)
        subprocess.run([command, "report", str(os.getpid())], check=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="npu:0")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--rate", type=float, default=2e-3)
    arguments = parser.parse_args()

    device = torch.device(arguments.device)
    name = torch.npu.get_device_name(device) if device.type == "npu" else "this CPU"
    print(f"training on {device}: {name}")
    train(device, arguments.epochs, arguments.batch_size, arguments.rate)
    if device.type == "npu":
        print_report()


if __name__ == "__main__":
    main()
