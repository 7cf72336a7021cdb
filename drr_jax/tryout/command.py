"""A page to try a model on, in a browser on this machine.

    python -m drr_jax.page --model=runs/demo
    python -m drr_jax.page --model=hf:ORG/NAME@REVISION --port=8000

A photo, or one of the webcam, gives the action units of its faces, where the model looked, and the
graph of action units lit by what it found; a picture and a caption of what the person saw show what
the rest of the system says. A video gives traces and tables. What is uploaded passes through a
private folder that is emptied after every request; nothing is sent anywhere. Needs Gradio:
pip install 'drr-jax[page]'

Exit codes: 2 wrong input (one line says what), 130 Ctrl-C, 75 SIGTERM.
"""

import os
from collections.abc import Sequence
from importlib.util import find_spec

from drr_jax import predict
from drr_jax.arguments import Parser
from drr_jax.errors import InputError
from drr_jax.tryout import examples, keeping, serving

PORT, MOST = 7860, 100


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of `python -m drr_jax.page`."""
    parser = Parser("python -m drr_jax.page", description=__doc__)
    parser.add_argument("--model", required=True, help="an exported or a run's folder, hf:NAME")
    parser.add_argument("--selection", help="which checkpoint of a run: last, best or validation")
    parser.add_argument("--host", default="127.0.0.1", help="who may open it; 0.0.0.0 is everybody")
    parser.add_argument("--port", type=int, default=PORT, help="0 is any that is free")
    parser.add_argument("--max_upload_mb", type=int, default=MOST, help="of a photo or a video")
    parser.add_argument(
        "--data_dir",
        default=os.environ.get("DRR_DATA_DIR", "data"),
        help="where prepared data sets are: a rendered one gives examples",
    )
    asked = parser.parse_args(argv)
    if find_spec("gradio") is None:
        raise InputError(
            "the page needs Gradio, which is not installed: pip install 'drr-jax[page]'"
        )
    if asked.max_upload_mb < 1:
        raise InputError(f"--max_upload_mb={asked.max_upload_mb}: expected 1 or more")
    if not 0 <= asked.port < 1 << 16:
        raise InputError(f"--port={asked.port}: expected 0 to 65535")
    with serving.listen(asked.host, asked.port) as place, keeping.private_folder() as folder:
        model = predict.load(asked.model, asked.selection)
        predict.check_inputs(model, "auto")
        found = examples.find(model, asked.data_dir)
        from drr_jax.tryout import blocks  # imports Gradio, once the folder is there

        application = blocks.application(model, found, folder, asked.max_upload_mb)

        def ready(address: str) -> None:
            print(f"page: {address} (Ctrl-C ends it)", flush=True)

        serving.serve(application, place, asked.host, ready)
    return 0
