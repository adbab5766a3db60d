"""Captions as tensors, and the text encoders' forward pass in a form that gradients can flow through."""

import torch
from torch import nn
from torch.nn import functional as F

END_OF_TEXT = 49407
EXTRA_WORDS = "the , . with in of photo picture image two one an its and a on at"


class Tokens:
    """Token ids of captions, renumbered to the few that occur; number 0 is every other token."""

    def __init__(self, tokenizer, captions: list[str]):
        self.tokenizer = tokenizer
        ids = {i for text in [*captions, "", EXTRA_WORDS] for stream in self._streams(text) for i in stream}
        self.vocabulary = sorted(ids)
        self._number = {token: number + 1 for number, token in enumerate(self.vocabulary)}

    def _streams(self, text: str) -> list[list[int]]:
        tokens = self.tokenizer.tokenize_with_weights(text)
        return [[int(token) for token, _ in tokens[stream][0]] for stream in ("l", "g")]

    def __call__(self, text: str) -> tuple[torch.Tensor, int]:
        """(2, 77) numbers for the two encoders, and the position of the end token."""
        streams = self._streams(text)
        numbers = torch.tensor([[self._number.get(i, 0) for i in stream] for stream in streams], dtype=torch.int16)
        return numbers, streams[0].index(END_OF_TEXT)


def prepare_for_training(clip_model, tokens: Tokens) -> None:
    """Initialises both encoders (the host leaves that out) with tables of only the words that occur."""
    for encoder in (clip_model.clip_l, clip_model.clip_g):
        initialise(encoder.transformer)
        text = encoder.transformer.text_model
        width = text.embeddings.token_embedding.weight.shape[1]
        text.embeddings.token_embedding = nn.Embedding(len(tokens.vocabulary) + 1, width)
        nn.init.normal_(text.embeddings.token_embedding.weight, std=0.7)
        nn.init.normal_(text.embeddings.position_embedding.weight, std=0.1)
        for layer in text.encoder.layers:
            # Close to a bag of words at first: the meaning stays at the word's own position.
            layer.self_attn.out_proj.weight.data.mul_(0.1)
            layer.mlp.fc2.weight.data.mul_(0.3)
        for parameter in encoder.parameters():
            parameter.requires_grad_(True)


def initialise(module: nn.Module) -> None:
    """torch's own initialisation, which the host's layers skip."""
    for layer in module.modules():
        for base in (nn.Linear, nn.Conv2d, nn.LayerNorm, nn.GroupNorm):
            if isinstance(layer, base):
                base.reset_parameters(layer)


def _heads(x: torch.Tensor, heads: int) -> torch.Tensor:
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def _encode(encoder, numbers: torch.Tensor, ends: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """One encoder: the last but one layer's states (b, 77, c) and the projected state of the end token (b, c)."""
    text = encoder.transformer.text_model
    x = text.embeddings.token_embedding(numbers) + text.embeddings.position_embedding.weight
    hidden = x
    for index, layer in enumerate(text.encoder.layers):
        attention = layer.self_attn
        normed = layer.layer_norm1(x)
        q, k, v = (_heads(p(normed), attention.heads) for p in (attention.q_proj, attention.k_proj, attention.v_proj))
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2)
        x = x + attention.out_proj(mixed)
        x = x + layer.mlp(layer.layer_norm2(x))
        if index == len(text.encoder.layers) - 2:
            hidden = x
    pooled = text.final_layer_norm(x)[torch.arange(len(x), device=x.device), ends]
    return hidden, encoder.transformer.text_projection(pooled)


def encode(clip_model, numbers: torch.Tensor, ends: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(b, 2, 77) numbers to the context (b, 77, 128) and the pooled vector (b, 64), as the host's encoders give."""
    numbers = numbers.long()
    low, _ = _encode(clip_model.clip_l, numbers[:, 0], ends)
    high, pooled = _encode(clip_model.clip_g, numbers[:, 1], ends)
    return torch.cat([low, high], -1), pooled
