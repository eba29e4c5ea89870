#!/usr/bin/env python3
"""Writes the seeds that are binary: make_seeds.py OUTDIR TARGET... makes
OUTDIR/TARGET/NAME, none for a target whose seeds are all text."""

import json
import math
import os
import struct
import sys

U8, U16, U32, F32, BOOL, STR, ARRAY, U64, F64 = 0, 2, 4, 6, 7, 8, 9, 10, 12
FORMATS = {U8: "B", 1: "b", U16: "H", 3: "h", U32: "I", 5: "i", F32: "f", BOOL: "B", U64: "Q",
           11: "q", F64: "d"}


def text(value):
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def value(kind, what):
    if kind == STR:
        return text(what)
    if kind == ARRAY:
        inner, items = what
        return struct.pack("<IQ", inner, len(items)) + b"".join(value(inner, i) for i in items)
    return struct.pack("<" + FORMATS[kind], what)


def gguf(keys, tensors, version=3, align=32):
    """keys: (name, type, value); tensors: (name, shape, type id, bytes)."""
    out = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(keys))
    for name, kind, what in keys:
        out += text(name) + struct.pack("<I", kind) + value(kind, what)
    data = b""
    for name, shape, kind, size in tensors:
        out += text(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
        out += struct.pack("<IQ", kind, len(data))
        data += bytes(i % 251 for i in range(size)) + bytes(-size % align)
    return out + bytes(-len(out) % align) + data


def gguf_seeds():
    scalars = [(f"k{kind}", kind, 1) for kind in FORMATS]
    arrays = [(f"a{kind}", ARRAY, (kind, [0, 1])) for kind in FORMATS]
    tokens = ("tokenizer.ggml.tokens", ARRAY, (STR, ["<s>", "a", "", "\u00e9"]))
    yield "empty", gguf([], [])
    yield "version2", gguf([("general.architecture", STR, "llama")], [], version=2)
    yield "values", gguf(scalars + arrays + [tokens], [])
    yield "nested", gguf([("n", ARRAY, (ARRAY, [(U8, [1])]))], [])
    yield "aligned", gguf([("general.alignment", U32, 64)], [("t", [4], 0, 16), ("u", [2], 1, 4)],
                          align=64)
    yield "split", gguf([("split.no", U16, 1), ("split.count", U16, 2),
                         ("split.tensors.count", 5, 3)], [("t", [4], 0, 16)])
    blocks = {2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 10: (256, 84),
              11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 20: (32, 18),
              23: (256, 136), 30: (1, 2), 39: (32, 17)}
    yield "types", gguf([], [(f"t{kind}", [block, 2], kind, 2 * size)
                             for kind, (block, size) in blocks.items()])
    yield "dims", gguf([], [("s", [], 0, 4), ("c", [1, 2, 3, 1], 0, 24)])


def decoder(arch, keys=(), more=(), without=(), kind=8, layers=1, heads=(2, 1), dim=16, ff=32):
    """A decoder 32 wide with 8 words; rows of 32 in F32 (0), Q4_0 (2), Q8_0 (8) or MXFP4 (39)."""
    def matrix(name, rows, cols=32, stack=()):
        per_block = {0: (1, 4), 2: (32, 18), 8: (32, 34), 39: (32, 17)}[kind]
        size = math.prod(stack) * rows * cols // per_block[0] * per_block[1]
        return name + ".weight", [cols, rows, *stack], kind, size

    def vector(name, n=32):
        return name, [n], 0, 4 * n

    tensors = [matrix("token_embd", 8), vector("output_norm.weight")]
    for i in range(layers):
        b = f"blk.{i}."
        tensors += [vector(b + "attn_norm.weight"), matrix(b + "attn_q", heads[0] * dim),
                    matrix(b + "attn_k", heads[1] * dim), matrix(b + "attn_v", heads[1] * dim),
                    matrix(b + "attn_output", 32, heads[0] * dim), vector(b + "ffn_norm.weight"),
                    matrix(b + "ffn_gate", ff), matrix(b + "ffn_up", ff),
                    matrix(b + "ffn_down", 32, ff)]
        tensors = [t for t in tensors if not any(w in t[0] for w in without)]
        tensors += more(b, matrix, vector) if more else []
    scalars = [("block_count", U32, layers), ("embedding_length", U32, 32),
               ("context_length", U32, 96), ("attention.head_count", U32, heads[0]),
               ("attention.head_count_kv", U32, heads[1]), ("attention.key_length", U32, dim),
               ("attention.value_length", U32, dim), ("feed_forward_length", U32, ff),
               ("attention.layer_norm_rms_epsilon", F32, 1e-5), *keys]
    return gguf([("general.architecture", STR, arch)] +
                [(f"{arch}.{name}", k, v) for name, k, v in scalars], tensors)


def decoder_seeds():
    def biases(b, _, vector):
        return [vector(b + "attn_q.bias"), vector(b + "attn_k.bias", 16),
                vector(b + "attn_v.bias", 16)]

    def head_norms(b, _, vector):
        return [vector(b + "attn_q_norm.weight", 16), vector(b + "attn_k_norm.weight", 16)]

    def post_norms(b, _, vector):
        return [vector(b + "post_attention_norm.weight"), vector(b + "post_ffw_norm.weight")]

    def fused(b, matrix, _):
        return [matrix(b + "attn_qkv", 64), matrix(b + "ffn_up", 64)]

    def experts(b, matrix, vector):
        return [(b + "ffn_gate_inp.weight", [32, 4], 0, 512),
                *(matrix(b + f"ffn_{x}_exps", 32, 32, (4,)) for x in ("gate", "up", "down"))]

    def oss(b, matrix, vector):
        return [*experts(b, matrix, vector), vector(b + "attn_sinks.weight", 2),
                vector(b + "post_attention_norm.weight"), (b + "ffn_gate_inp.bias", [4], 0, 16),
                *((b + f"ffn_{x}_exps.bias", [32, 4], 0, 512) for x in ("gate", "up", "down"))]

    dense = ("ffn_gate.", "ffn_up.", "ffn_down.")
    moe = [("expert_count", U32, 4), ("expert_used_count", U32, 2)]
    yarn = [("rope.scaling.type", STR, "yarn"), ("rope.scaling.factor", F32, 4.0),
            ("rope.scaling.original_context_length", U32, 32)]
    window = [("attention.sliding_window", U32, 8)]
    yield "llama", decoder("llama", kind=0)
    yield "yarn", decoder("llama", yarn, kind=2, heads=(1, 1), dim=32)
    yield "qwen2", decoder("qwen2", more=biases)
    yield "qwen3", decoder("qwen3", more=head_norms, kind=2)
    yield "gemma2", decoder("gemma2", [*window, ("attn_logit_softcapping", F32, 50.0),
                                       ("final_logit_softcapping", F32, 30.0)], post_norms,
                            layers=2)
    yield "phi3", decoder("phi3", [*window, ("rope.scaling.type", STR, "longrope"),
                                   ("rope.dimension_count", U32, 8)], fused,
                          ("attn_q.", "attn_k.", "attn_v.", *dense[:2]))
    yield "granite", decoder("granite", [("logit_scale", F32, 8.0), ("residual_scale", F32, 0.2),
                                         ("embedding_scale", F32, 12.0)])
    yield "qwen3moe", decoder("qwen3moe", moe, experts, dense, kind=2)
    yield "gpt-oss", decoder("gpt-oss", moe + window + yarn, oss, (*dense, "ffn_norm"), kind=39)


def encoder(arch, keys=(), without=(), gate=False, head=False, more=()):
    """An encoder 16 wide with 8 words, in F32."""
    def tensor(name, *dims):
        return name, list(dims), 0, 4 * math.prod(dims)

    def norm(name):
        return [tensor(name + ".weight", 16), tensor(name + ".bias", 16)]

    b = "blk.0."
    tensors = [tensor("token_embd.weight", 16, 8), tensor("token_types.weight", 16, 2),
               tensor("position_embd.weight", 16, 80), *norm("token_embd_norm"),
               *(tensor(f"{b}attn_{x}.weight", 16, 16) for x in ("q", "k", "v", "output")),
               tensor(b + "attn_qkv.weight", 16, 48), tensor(b + "attn_q.bias", 16),
               *norm(b + "attn_output_norm"), tensor(b + "ffn_up.weight", 16, 24),
               tensor(b + "ffn_down.weight", 24, 16), *norm(b + "layer_output_norm")]
    tensors += [tensor(b + "ffn_gate.weight", 16, 24)] if gate else []
    tensors += [tensor("cls.weight", 16, 16), tensor("cls.bias", 16),
                tensor("cls.output.weight", 16, 2)] if head else []
    tensors = [t for t in tensors if not any(w in t[0] for w in without)]
    tensors += [tensor(name, *dims) for name, *dims in more]
    scalars = [("block_count", U32, 1), ("embedding_length", U32, 16), ("context_length", U32, 80),
               ("attention.head_count", U32, 2), ("feed_forward_length", U32, 24),
               ("attention.layer_norm_epsilon", F32, 1e-5), *keys]
    return gguf([("general.architecture", STR, arch)] +
                [(name if name.startswith("embedding.") else f"{arch}.{name}", k, v)
                 for name, k, v in scalars], tensors)


def encoder_seeds():
    apart = ("attn_q.", "attn_k.", "attn_v.")
    yield "bert", encoder("bert", [("pooling_type", U32, 2)], ("attn_qkv",))
    yield "ranker", encoder("bert", [("pooling_type", U32, 4),
                                     ("classifier.activation", STR, "relu")], ("attn_qkv",),
                            head=True)
    yield "rows", encoder("bert", [("pooling_type", U32, 0)], ("attn_qkv", "token_types"))
    yield "nomic", encoder("nomic-bert", [("rope.freq_base", F32, 1000.0)],
                           (*apart, "position_embd"), gate=True)
    yield "dense", encoder("bert", [("embedding.pooling", STR, "max+weighted"),
                                    ("embedding.dense_2.activation", STR, "relu"),
                                    ("hidden_activation", STR, "gelu_new")], ("attn_qkv",),
                           more=[("dense_2.weight", 32, 4), ("dense_2.bias", 4), ("dense_3.weight", 4, 2)])
    yield "mpnet", encoder("mpnet", (), ("attn_qkv", "token_types"), more=[("attn_rel_b.weight", 2, 32)])
    yield "electra", encoder("bert", (), ("attn_qkv", "token_embd", "token_types", "position_embd"), more=[
        ("token_embd.weight", 24, 8), ("token_embd_norm.weight", 24), ("position_embd.weight", 24, 80),
        ("token_embd_proj.weight", 24, 16), ("token_embd_proj.bias", 16)])
    yield "modern", encoder("modern-bert", [("attention.sliding_window", U32, 4),
                                            ("attention.sliding_window_pattern", U32, 2)],
                            (*apart, "position_embd", "output_norm"), gate=True,
                            more=[("output_norm.weight", 16), ("blk.0.ffn_norm.weight", 16)])
    yield "qwen3", encoder("qwen3", [("pooling_type", U32, 3), ("attention.head_count_kv", U32, 1),
                                     ("attention.key_length", U32, 8),
                                     ("attention.layer_norm_rms_epsilon", F32, 1e-5)],
                           ("attn_qkv", "attn_k.", "attn_v.", "position_embd", "token_types"), gate=True,
                           more=[("output_norm.weight", 16), ("blk.0.ffn_norm.weight", 16),
                                 ("blk.0.attn_norm.weight", 16), ("blk.0.attn_q_norm.weight", 8),
                                 ("blk.0.attn_k.weight", 16, 8), ("blk.0.attn_v.weight", 16, 8)])
    yield "experts", encoder("nomic-bert-moe", [("expert_count", U32, 3), ("expert_used_count", U32, 2)],
                             (*apart, "position_embd", "ffn_up", "ffn_down"),
                             more=[("blk.0.ffn_gate_inp.weight", 16, 3), ("blk.0.ffn_exps.bias", 16),
                                   ("blk.0.ffn_up_exps.weight", 16, 24, 3),
                                   ("blk.0.ffn_down_exps.weight", 24, 16, 3)])
    yield "jina", encoder("jina-bert-v2", [("pooling_type", U32, 3)], (*apart, "position_embd"),
                          gate=True)


def safetensors(header, size, pad=0):
    raw = (header if isinstance(header, str) else json.dumps(header)).encode() + b" " * pad
    return struct.pack("<Q", len(raw)) + raw + bytes(i % 251 for i in range(size))


def safetensors_seeds():
    def tensor(dtype, shape, begin, end):
        return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}

    yield "empty", safetensors({}, 0)
    yield "one", safetensors({"__metadata__": {"format": "pt"}, "w": tensor("F32", [2, 2], 0, 16)},
                             16, pad=6)
    yield "several", safetensors({"b": tensor("BF16", [3], 8, 14), "a": tensor("I64", [], 0, 8),
                                  "c": tensor("U8", [1, 1, 1, 2], 14, 16),
                                  "none": tensor("F16", [0], 14, 14)}, 16)
    yield "hole", safetensors({"a": tensor("F16", [1], 2, 4)}, 4)
    yield "overlap", safetensors({"a": tensor("U8", [3], 0, 3), "b": tensor("U8", [3], 1, 4)}, 4)
    yield "large", safetensors({"a": tensor("F64", [1 << 40, 1 << 40], 0, 1 << 62)}, 4)
    yield "escapes", safetensors('{"\\u00e9\\ud83d\\ude00\\n":{"shape":[1],"dtype":"U8",'
                                 '"data_offsets":[0,1],"more":[1.5e3,null,true]}}', 1)


SIZES = {"F32": 4, "F16": 2, "BF16": 2, "U8": 1}
CUT = b"\n----\n"


def hf(config, tensors, generation=None, tokenizer=None, jinja="", more=()):
    """A folder's files as one input; tensors: name -> (type, shape)."""
    header, at = {}, 0
    for name, (dtype, shape) in tensors.items():
        end = at + math.prod(shape) * SIZES[dtype]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, end]}
        at = end
    texts = [json.dumps(config), json.dumps(generation) if generation else "",
             json.dumps(tokenizer) if tokenizer else "", jinja]
    parts = [text.encode() for text in texts] + [safetensors(header, at)]
    return CUT.join(parts + [x if isinstance(x, bytes) else json.dumps(x).encode() for x in more])


def hf_seeds():
    def config(kind, **keys):
        return {"model_type": kind, "hidden_size": 4, "intermediate_size": 6,
                "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1,
                "vocab_size": 3, "rms_norm_eps": 1e-5, **keys}

    def layer(more, dtype="F32"):
        return {"model.embed_tokens.weight": (dtype, [3, 4]), "model.norm.weight": (dtype, [4]),
                **{f"model.layers.0.{name}": (kind, shape)
                   for name, (kind, shape) in more.items()}}

    attention = {"self_attn.q_proj.weight": ("BF16", [4, 4]),
                 "self_attn.k_proj.weight": ("BF16", [2, 4]),
                 "self_attn.q_proj.bias": ("BF16", [4]), "input_layernorm.weight": ("BF16", [4])}
    yield "llama", hf(config("llama", rope_scaling={
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 32}), layer(attention),
        {"bos_token_id": 1, "eos_token_id": [2, 0]},
        {"chat_template": [{"name": "default", "template": "{{ x }}"},
                           {"name": "tool_use", "template": "{{ y }}"}]}, "{{ messages }}")
    yield "gemma3", hf(config("gemma3", text_config=config(
        "gemma3_text", head_dim=2, rope_scaling={"rope_type": "linear", "factor": 8.0})),
        layer({**attention, "post_feedforward_layernorm.weight": ("F16", [4])}, "F16"))
    yield "phi3", hf(config("phi3", original_max_position_embeddings=32, rope_scaling={
        "type": "longrope", "short_factor": [1.0], "long_factor": [1.5]}),
        layer({"self_attn.qkv_proj.weight": ("F32", [8, 4]),
               "mlp.gate_up_proj.weight": ("F32", [12, 4])}))
    yield "mixtral", hf(config("mixtral", num_local_experts=2, num_experts_per_tok=1),
                        layer({f"block_sparse_moe.experts.{e}.w{w}.weight": ("F16", [6, 4])
                               for e in range(2) for w in (1, 3)}))
    yield "gpt-oss", hf(config("gpt_oss", hidden_size=32, head_dim=16, num_local_experts=2,
                               layer_types=["sliding_attention"],
                               quantization_config={"quant_method": "mxfp4"}),
                        {"model.layers.0." + name: (kind, shape) for name, (kind, shape) in {
                            "mlp.experts.gate_up_proj_blocks": ("U8", [2, 12, 1, 16]),
                            "mlp.experts.gate_up_proj_scales": ("U8", [2, 12, 1]),
                            "mlp.experts.gate_up_proj_bias": ("F32", [2, 12]),
                            "self_attn.sinks": ("BF16", [2])}.items()})


def hf_encoder_seeds():
    bert = {"model_type": "bert", "hidden_size": 4, "intermediate_size": 6,
            "num_hidden_layers": 1, "num_attention_heads": 2, "max_position_embeddings": 8}
    modules = [{"type": "x.Transformer", "path": ""}, {"type": "x.Pooling", "path": "1_Pooling"}]
    prompts = {"prompts": {"query": "q: ", "": "x"}, "default_prompt_name": "query"}
    yield "bert", hf(bert, {"embeddings.word_embeddings.weight": ("F32", [3, 4]),
                            "bert.encoder.layer.0.attention.self.query.weight": ("BF16", [4, 4]),
                            "bert.embeddings.LayerNorm.gamma": ("F16", [4]),
                            "pooler.dense.bias": ("F16", [4]), "cls.x": ("U8", [1])},
                     more=[modules, prompts, {"pooling_mode_cls_token": True}])
    yield "xlm-roberta", hf({**bert, "model_type": "xlm-roberta", "pad_token_id": 1,
                             "architectures": ["XForSequenceClassification"]},
                            {"roberta.embeddings.position_embeddings.weight": ("BF16", [8, 4]),
                             "classifier.out_proj.weight": ("F32", [1, 4])})
    dense = {"linear.weight": {"dtype": "F16", "shape": [2, 12], "data_offsets": [0, 48]},
             "linear.bias": {"dtype": "BF16", "shape": [2], "data_offsets": [48, 52]}}
    yield "dense", hf({**bert, "hidden_act": "relu"},
                      {"embeddings.token_type_embeddings.weight": ("F32", [2, 4])},
                      more=[[*modules, {"type": "x.Dense", "path": "2_Dense"}], prompts,
                            {"pooling_mode_max_tokens": True, "pooling_mode": "cls",
                             "pooling_mode_weightedmean_tokens": True},
                            {"max_seq_length": 4, "do_lower_case": True},
                            {"activation_function": "torch.nn.ReLU"}, safetensors(dense, 52)])
    yield "electra", hf({**bert, "model_type": "electra"},
                        {"electra.embeddings_project.weight": ("F32", [4, 2])})
    yield "mpnet", hf({**bert, "model_type": "mpnet"},
                      {"mpnet.encoder.relative_attention_bias.weight": ("F16", [32, 2])})
    yield "modernbert", hf({**bert, "model_type": "modernbert", "local_attention": 4},
                           {"model.layers.0.mlp.Wi.weight": ("F16", [12, 4])})
    yield "new", hf({**bert, "model_type": "new", "rope_theta": 1e4, "rope_scaling": {
                     "type": "ntk", "factor": 2.0}},
                    {"new.encoder.layer.0.mlp.up_gate_proj.weight": ("BF16", [12, 4])})
    yield "experts", hf({"model_type": "nomic_bert", "n_embd": 4, "n_inner": 6, "n_layer": 1, "n_head": 2,
                         "num_experts": 2, "moe_top_k": 1},
                        {"encoder.layers.0.mlp.experts.mlp.w1": ("F16", [12, 4]),
                         "encoder.layers.0.mlp.experts.mlp.w2": ("BF16", [12, 4]),
                         "encoder.layers.0.mlp.experts.bias": ("BF16", [4])})
    yield "nomic", hf({"model_type": "nomic_bert", "n_embd": 4, "n_inner": 6, "n_layer": 1,
                       "n_head": 2, "rotary_emb_base": 1000, "rotary_scaling_factor": 2,
                       "max_trained_positions": 4},
                      {"encoder.layers.0.attn.Wqkv.weight": ("F16", [12, 4])})


def npy(header, size, version=1):
    raw = header.encode() + b"\n"
    length = struct.pack("<H" if version == 1 else "<I", len(raw))
    return b"\x93NUMPY" + bytes([version, 0]) + length + raw + bytes(range(size))


def npy_seeds():
    plain = "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }"
    yield "matrix", npy(plain % ("<f4", "3, 4"), 48)
    yield "vector", npy(plain % ("<i8", "2,"), 16, version=2)
    yield "scalar", npy(plain % ("|u1", ""), 1, version=3)
    yield "dims", npy(plain % ("|b1", "1, 1, 1, 1, 1, 1, 1, 2"), 2)
    yield "short", npy(plain % ("<f2", "5"), 8)
    yield "many", npy(plain % ("<f8", "4294967296, 4294967296"), 8)
    yield "python2", npy("{\"shape\": (2L, 1L), \"fortran_order\": False, \"descr\": \"=u4\"}", 8)
    yield "fortran", npy("{'descr': '<f4', 'fortran_order': True, 'shape': (1, 1)}", 4)
    yield "swapped", npy("{'descr': '>c8', 'fortran_order': True, 'shape': (1, 2)}", 16)
    yield "bytes", npy(plain % ("|S3", "2,"), 6)
    yield "utf32", npy(plain % ("<U1", "2,"), 8)
    yield "fields", npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", 4)


def vocab_seeds():
    def keys(model, tokens, **more):
        out = [("tokenizer.ggml.model", STR, model), ("text", STR, "a b ab<x> \u00e9\u4e2d 12")]
        out.append(("tokenizer.ggml.tokens", ARRAY, (STR, tokens)))
        for key, (kind, what) in more.items():
            out.append(("tokenizer.ggml." + key, kind, what))
        return gguf(out, [])

    types = (ARRAY, (5, [2, 3, 6, 1, 1, 4]))
    scores = (ARRAY, (F32, [0.0, 0.0, 0.0, -1.0, -2.5, -3.0]))
    mark = "\u2581"
    yield "llama", keys("llama", ["<unk>", "<s>", "<0x41>", "a", mark + "a", "<x>"],
                        scores=scores, token_type=types, bos_token_id=(U32, 1),
                        add_bos_token=(BOOL, 1), unknown_token_id=(U32, 0))
    yield "gpt2", keys("gpt2", ["a", "b", "ab", "\u0120", "\u0120a", "<x>"], pre=(STR, "llama-bpe"),
                       merges=(ARRAY, (STR, ["a b", "\u0120 a"])), token_type=types,
                       eos_token_id=(U32, 5))
    yield "bert", keys("bert", ["[UNK]", "[CLS]", "[SEP]", mark + "a", "b", mark + "<"],
                       cls_token_id=(U32, 1), seperator_token_id=(U32, 2),
                       unknown_token_id=(U32, 0))
    yield "t5", keys("t5", ["<pad>", "</s>", "<unk>", mark, "a", "b"], scores=scores,
                     token_type=(ARRAY, (5, [3, 3, 2, 1, 1, 1])), eos_token_id=(U32, 1),
                     add_space_prefix=(BOOL, 1), remove_extra_whitespaces=(BOOL, 1),
                     precompiled_charsmap=(ARRAY, (U8, [4, 0, 0, 0, 0, 0, 0, 0, 65, 0])))
    # A special token that is the end of a character and more.
    torn = keys("t5", ["<pad>", "</s>", "\u00bdunk>", mark, "a", "b"], scores=scores,
                token_type=(ARRAY, (5, [3, 3, 2, 1, 1, 1])))
    torn = torn.replace(b"\xc2\xbdunk>", b"\xbdunk>_").replace(b"<x> \xc3\xa9", b"\xef\xbf\xbdunk>_")
    yield "torn", torn


def ubjson(what):
    """A value in UBJSON; of a list (type, items) packed."""
    if isinstance(what, str):
        return b"SL" + struct.pack(">q", len(what)) + what.encode()
    if isinstance(what, int):
        return b"l" + struct.pack(">i", what)
    if isinstance(what, float):
        return b"d" + struct.pack(">f", what)
    if isinstance(what, tuple):
        kind, items = what
        form = {"d": "f", "i": "b", "I": "h", "l": "i", "U": "B", "L": "q"}[kind]
        return (b"[$" + kind.encode() + b"#L" + struct.pack(">q", len(items)) +
                struct.pack(f">{len(items)}{form}", *items))
    if isinstance(what, list):
        return b"[#L" + struct.pack(">q", len(what)) + b"".join(map(ubjson, what))
    return b"{" + b"".join(ubjson(k)[1:] + ubjson(v) for k, v in what.items()) + b"}"


def xgboost_seeds():
    """Two trees of three nodes: one asks a threshold, one a set of categories."""
    def tree(**more):
        return {"left_children": ("l", [1, -1, -1]), "right_children": ("l", [2, -1, -1]),
                "split_indices": ("l", [1, 0, 0]), "default_left": ("U", [1, 0, 0]),
                "split_conditions": ("d", [0.5, -1.0, 2.0]), "sum_hessian": ("d", [3.0, 1.0, 2.0]),
                "base_weights": ("d", [0.0] * 6), "tree_param": {"size_leaf_vector": "0"}, **more}

    sets = {"split_type": ("U", [1, 0, 0]), "categories": ("l", [0, 33]),
            "categories_nodes": ("l", [0]), "categories_segments": ("L", [0]),
            "categories_sizes": ("L", [2])}

    def model(booster, classes="0", **more):
        return {"learner": {"gradient_booster": booster, "feature_names": ["a", "b"],
                            "learner_model_param": {"base_score": "[2.5E-1]", "num_feature": "2",
                                                    "num_class": classes, **more},
                            "objective": {"name": "binary:logistic"}}, "version": [3, 1, 0]}

    trees = {"trees": [tree(), tree(**sets)], "tree_info": [0, 0]}
    yield "gbtree", ubjson(model({"name": "gbtree", "model": trees}))
    yield "dart", ubjson(model({"name": "dart", "gbtree": {"model": trees},
                                "weight_drop": ("d", [0.5, 1.0])}))
    cats = {"enc": [{"offsets": ("l", [0, 2, 3, 3]), "values": ("i", [-61, -68, 97])},
                    {"type": 12, "values": ("I", [7, -2, 7])}],
            "feature_segments": ("l", [0, 3, 6]), "sorted_idx": ("l", [2, 1, 0, 0, 2, 1])}
    yield "named", ubjson(model({"name": "gbtree", "model": {**trees, "cats": cats}}))
    vectors = [tree(tree_param={"size_leaf_vector": "2"}),
               tree(tree_param={"size_leaf_vector": "2"}, leaf_weights=("d", [1.0] * 4),
                    right_children=("l", [2, 0, 1]))]
    yield "vectors", ubjson(model({"name": "gbtree", "model": {
        "trees": vectors, "tree_info": [0, 0]}}, num_target="2"))

    def plain(what):
        if isinstance(what, dict):
            return {k: plain(v) for k, v in what.items()}
        if isinstance(what, tuple):
            return list(what[1])
        return [plain(v) for v in what] if isinstance(what, list) else what

    text = json.dumps(plain(model({"name": "gbtree", "model": trees})))
    yield "json", text.encode()
    yield "words", text.replace("-1.0", "-Infinity").replace("0.5", "NaN").encode()


def of_onnx(module):
    """Those of a module in tests/onnx."""
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "onnx"))
    yield from __import__(module).all_seeds()


def item_journal_seeds():
    def record(text):
        raw, h = text.encode(), 0xcbf29ce484222325 ^ (len(text) + 1)
        for byte in raw:
            h = (h ^ byte) * 0x100000001b3 % 2**64
        return struct.pack("<III", len(raw), ~len(raw) % 2**32, (h ^ h >> 32) % 2**32) + raw
    whole = b"HNITEMS1" + record('{"remove": ["a"]}') + record('{"put": [{"id": "b"}]}')
    yield "whole", whole
    yield "torn", whole[:-3]
    yield "zeros", whole + bytes(20)
    yield "damaged", whole[:20] + b"!" + whole[21:]
    yield "head", b"HNIT"


def vector_cache_seeds():
    def content_hash(h, data):
        h ^= len(data) * 0x9e3779b97f4a7c15 % 2**64
        for at in range(0, len(data) + 1, 8):
            word = int.from_bytes(data[at:at + 8], "little")
            h = (h ^ word) * 0xff51afd7ed558ccd % 2**64
            h ^= h >> 32
        return h

    def record(number, *vector):
        key, floats = struct.pack("<QQ", number, 9), struct.pack(f"<{len(vector)}f", *vector)
        return key + floats + struct.pack("<Q", content_hash(content_hash(0, key), floats))
    head = b"HNVECTOR" + struct.pack("<QQ", 5, 2)
    yield "whole", head + record(1, 1, 2) + record(2, 3, 4)
    yield "last", head + record(7, 1, 2)
    yield "torn", head + record(1, 1, 2) + record(2, 3, 4)[:-3]
    yield "twice", head + record(1, 1, 2) + record(1, 3, 4)
    yield "infinite", head + record(1, float("inf"), 2)
    yield "head", head[:20]


SEEDS = {"decoder": decoder_seeds, "encoder": encoder_seeds,
         "gguf": gguf_seeds, "hf": lambda: [*hf_seeds(), *hf_encoder_seeds()], "item_journal": item_journal_seeds,
         "npy": npy_seeds, "image": lambda: of_onnx("pictures"), "onnx": lambda: of_onnx("seeds"),
         "safetensors": safetensors_seeds, "vector_cache": vector_cache_seeds, "vocab": vocab_seeds, "xgboost": xgboost_seeds}


def main(out, targets):
    for target in targets:
        os.makedirs(os.path.join(out, target), exist_ok=True)
        for name, raw in SEEDS.get(target, list)():
            with open(os.path.join(out, target, name), "wb") as file:
                file.write(raw)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
