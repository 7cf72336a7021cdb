"""The keys of transformers' and timm's configurations that `facts` need not ask about, and others.

Those that are free say how a model was trained, called or distributed, or the size of its images,
which is the run's own. A key that is neither free nor asked about is refused.
"""

from types import MappingProxyType

# transformers.PreTrainedConfig, of versions 4 and 5; then ViTConfig and ResNetConfig.
HUGGING_FACE_FREE = frozenset(
    (
        *("_name_or_path", "_commit_hash", "transformers_version", "architectures", "model_type"),
        *("dtype", "torch_dtype", "torchscript", "return_dict", "use_return_dict"),
        *("output_attentions", "output_hidden_states", "chunk_size_feed_forward"),
        *("id2label", "label2id", "num_labels", "problem_type", "finetuning_task"),
        *("attn_implementation", "_attn_implementation", "_attn_implementation_autoset"),
        *("gradient_checkpointing", "tie_word_embeddings", "is_encoder_decoder", "is_decoder"),
        *("hidden_dropout_prob", "attention_probs_dropout_prob", "initializer_range"),
        *("image_size", "encoder_stride", "pooler_output_size", "pooler_act"),
        *("out_features", "out_indices", "stage_names"),
    )
)
# What ViTConfig and ResNetConfig have where a file leaves a key out.
HUGGING_FACE_DEFAULTS = MappingProxyType(
    {
        "vit": {
            "hidden_size": 768,
            "num_hidden_layers": 12,
            "num_attention_heads": 12,
            "intermediate_size": 3072,
            "hidden_act": "gelu",
            "patch_size": 16,
            "num_channels": 3,
            "qkv_bias": True,
        },
        "resnet": {
            "num_channels": 3,
            "embedding_size": 64,
            "hidden_sizes": [256, 512, 1024, 2048],
            "depths": [3, 4, 6, 3],
            "layer_type": "bottleneck",
            "hidden_act": "relu",
            "downsample_in_first_stage": False,
            "downsample_in_bottleneck": False,
        },
    }
)
# Image processors that scale to 0 to 1 and normalise, unless their file says otherwise, and do
# nothing to grey levels besides.
PROCESSORS = frozenset(
    (
        *("Bit", "Blip", "CLIP", "ConvNext", "DeiT", "Levit", "MobileNetV1", "PoolFormer"),
        *("Pvt", "Siglip", "ViT"),
    )
)
# transformers' image processors: what is done to an image before it is normalised.
PREPROCESSOR_FREE = frozenset(
    (
        *("processor_class", "_processor_class", "_valid_processor_keys", "return_tensors"),
        *(
            "default_to_square",
            "do_resize",
            "size",
            "size_divisor",
            "resample",
            "do_center_crop",
            "crop_size",
        ),
        *("crop_pct", "do_convert_rgb", "data_format", "input_data_format", "device"),
    )
)
TIMM_FREE = frozenset(("num_classes", "label_names", "label_descriptions", "labels"))
# timm.models.PretrainedCfg, which older versions wrote beside `architecture` itself.
TIMM_PRETRAINED_FREE = frozenset(
    (
        *("url", "file", "hf_hub_id", "hf_hub_filename", "source", "architecture", "tag"),
        *("custom_load", "min_input_size", "fixed_input_size", "interpolation", "crop_pct"),
        *("crop_mode", "test_input_size", "test_crop_pct", "test_crop_mode", "num_classes"),
        *("pool_size", "test_pool_size", "first_conv", "classifier", "num_features"),
        *("license", "description", "origin_url", "paper_name", "paper_ids", "notes"),
        *("label_names", "label_descriptions", "label_offset", "labels"),
    )
)
TIMM_ARGUMENTS_FREE = frozenset(
    (
        *("num_classes", "img_size", "dynamic_img_size", "dynamic_img_pad", "weight_init"),
        *("drop_rate", "drop_path_rate", "attn_drop_rate", "proj_drop_rate", "pos_drop_rate"),
        *("patch_drop_rate", "drop_block_rate", "zero_init_last"),
    )
)
# What else timm's model_args may say, as long as it is what our encoders compute.
TIMM_ARGUMENTS = MappingProxyType(
    {
        "in_chans": 3,
        "act_layer": None,
        "norm_layer": None,
        "patch_size": 16,
        "mlp_ratio": 4,
        "qkv_bias": True,
        "qk_norm": False,
        "init_values": None,
        "class_token": True,
        "no_embed_class": False,
        "reg_tokens": 0,
        "pre_norm": False,
        "output_stride": 32,
        "cardinality": 1,
        "base_width": 64,
        "stem_width": 64,
        "stem_type": "",
        "replace_stem_pool": False,
        "avg_down": False,
        "aa_layer": None,
    }
)
# timm's networks that are ours. Others of equal tensors pool or stride otherwise (resnetaa50,
# resnetblur50), or are no plain ViT.
TIMM_ARCHITECTURES = MappingProxyType(
    {
        **{
            f"resnet{depth}": tuple(
                name.format(depth)
                for name in (
                    *("resnet{}", "tv_resnet{}", "gluon_resnet{}_v1b", "ssl_resnet{}"),
                    "swsl_resnet{}",
                )
            )
            for depth in (18, 50)
        },
        **{
            backbone: tuple(
                name.format(size)
                for name in (
                    *("vit_{}_patch16_224", "vit_{}_patch16_384", "vit_{}_patch16_224_in21k"),
                    *("vit_{}_patch16_224_dino", "deit_{}_patch16_224", "deit_{}_patch16_384"),
                )
            )
            for backbone, size in (("vit_s16", "small"), ("vit_b16", "base"))
        },
    }
)
