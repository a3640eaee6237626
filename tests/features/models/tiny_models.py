"""Small untrained models, saved as transformers saves them."""

from __future__ import annotations

from pathlib import Path

SIZES = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32}
# One step each 20 ms of sound at 16 kHz, as the real ones: 320 samples.
STEPS = {
    "conv_dim": (8, 8, 8),
    "conv_kernel": (10, 8, 8),
    "conv_stride": (5, 8, 8),
    "num_feat_extract_layers": 3,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
}
PICTURE = {"image_size": 32, "patch_size": 8}
CLIP = {**PICTURE, "num_frames": 4}

SOUND = ("whisper", "wav2vec2", "wav2vec2-layer", "hubert", "wavlm", "w2v-bert")
PICTURES = ("vit", "clip-vision", "clip", "dinov2", "dinov2-registers", "deit", "resnet", "swin")
CLIPS = ("videomae", "timesformer", "vivit")
SECONDS_OF_WHISPER = 2


def save_model(kind: str, folder: Path) -> Path:
    """Save a model, and how it takes its input, into a folder."""
    import torch
    import transformers as tf

    torch.manual_seed(7)
    model, preparation = _made(kind, tf)
    with torch.no_grad():
        for parameter in model.parameters():
            # As models are built they hardly depend on their input.
            parameter.add_(0.2 * torch.randn(parameter.shape))
    model.eval().save_pretrained(folder)
    if preparation is not None:
        preparation.save_pretrained(folder)
    return folder


def _made(kind, tf):
    raw = tf.Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=False)
    masked = tf.Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True)
    square = {"size": {"height": 32, "width": 32}}
    cut = {"size": {"shortest_edge": 36}, "crop_size": {"height": 32, "width": 32}}
    text = {**SIZES, "vocab_size": 60, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    if kind == "whisper":
        config = tf.WhisperConfig(
            d_model=16, encoder_layers=3, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2,
            encoder_ffn_dim=32, decoder_ffn_dim=32, max_source_positions=50 * SECONDS_OF_WHISPER, vocab_size=60,
            pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=3,
        )  # fmt: skip
        return tf.WhisperModel(config), tf.WhisperFeatureExtractor(chunk_length=SECONDS_OF_WHISPER)
    if kind == "wav2vec2":
        return tf.Wav2Vec2Model(tf.Wav2Vec2Config(**SIZES, **STEPS, feat_extract_norm="group")), raw
    if kind == "wav2vec2-layer":
        config = tf.Wav2Vec2Config(**SIZES, **STEPS, feat_extract_norm="layer", do_stable_layer_norm=True)
        return tf.Wav2Vec2ForCTC(config), masked
    if kind == "hubert":
        return tf.HubertModel(tf.HubertConfig(**SIZES, **STEPS)), raw
    if kind == "wavlm":
        return tf.WavLMModel(tf.WavLMConfig(**SIZES, **STEPS)), raw
    if kind == "w2v-bert":
        return tf.Wav2Vec2BertModel(tf.Wav2Vec2BertConfig(**SIZES)), tf.SeamlessM4TFeatureExtractor()
    if kind == "bert":
        return tf.BertModel(tf.BertConfig(**text)), None
    if kind == "vit":
        return tf.ViTForImageClassification(tf.ViTConfig(**SIZES, **PICTURE)), tf.ViTImageProcessorPil(**square)
    if kind == "clip-vision":
        return tf.CLIPVisionModel(tf.CLIPVisionConfig(**SIZES, **PICTURE)), tf.CLIPImageProcessorPil(**cut)
    if kind == "clip":
        config = tf.CLIPConfig(vision_config={**SIZES, **PICTURE}, text_config=text, projection_dim=8)
        return tf.CLIPModel(config), tf.CLIPImageProcessorPil(**cut)
    if kind == "dinov2":
        return tf.Dinov2Model(tf.Dinov2Config(**SIZES, **PICTURE)), tf.BitImageProcessorPil(**cut)
    if kind == "dinov2-registers":
        config = tf.Dinov2WithRegistersConfig(**SIZES, **PICTURE, num_register_tokens=4)
        return tf.Dinov2WithRegistersModel(config), tf.BitImageProcessorPil(**cut)
    if kind == "deit":
        return tf.DeiTModel(tf.DeiTConfig(**SIZES, **PICTURE)), tf.DeiTImageProcessorPil(**cut)
    if kind == "resnet":
        config = tf.ResNetConfig(embedding_size=8, hidden_sizes=[8, 12, 16], depths=[1, 1, 1])
        return tf.ResNetModel(config), tf.ConvNextImageProcessorPil(size={"shortest_edge": 32}, crop_pct=0.875)
    if kind == "swin":
        heads = {"depths": [1, 1, 1], "num_heads": [2, 2, 2]}
        config = tf.SwinConfig(embed_dim=8, **heads, image_size=32, patch_size=2, window_size=4)
        return tf.SwinModel(config), tf.ViTImageProcessorPil(**square)
    if kind == "videomae":
        return tf.VideoMAEModel(tf.VideoMAEConfig(**SIZES, **CLIP, tubelet_size=2)), tf.VideoMAEImageProcessorPil(**cut)
    if kind == "timesformer":
        return tf.TimesformerModel(tf.TimesformerConfig(**SIZES, **CLIP)), tf.VideoMAEImageProcessorPil(**cut)
    if kind == "vivit":
        return tf.VivitModel(tf.VivitConfig(**SIZES, **CLIP, tubelet_size=[2, 8, 8])), tf.VivitImageProcessor(**cut)
    raise AssertionError(kind)
