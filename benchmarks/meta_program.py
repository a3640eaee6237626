"""Meta's own program at work, for `meta_ecdc.py`, which starts this in an environment of its own and talks to it.

Reads one JSON object a line and answers with one. Only functions of the package ``encodec`` read and write files; its
models have random weights, as have its language models, which are saved under the names that they would have.
"""

import hashlib
import importlib
import io
import json
import math
import sys
import time
import types
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

# It is imported for reading sound files, which nobody does here, and often cannot be loaded.
sys.modules.setdefault("torchaudio", types.ModuleType("torchaudio"))

from encodec.model import EncodecModel, LMModel  # noqa: E402

# A function of the package has the module's name.
program = importlib.import_module("encodec.compress")


class Program:
    """Compresses and decompresses.

    Parameters
    ----------
    folder : Path
        Where files lie that both sides know.
    sharpness : float
        By which the logits of language models are multiplied: untrained, they would hardly differ.
    """

    def __init__(self, folder, sharpness):
        self.folder = folder
        torch.manual_seed(0)
        self.models = {
            "encodec_24khz": EncodecModel.encodec_model_24khz(pretrained=False),
            "encodec_48khz": EncodecModel.encodec_model_48khz(pretrained=False),
        }
        for name, model in self.models.items():
            model.name = name
            for layer in model.quantizer.vq.layers:
                layer._codebook.embed.normal_()
                layer._codebook.inited.fill_(1)
            lm = LMModel(model.quantizer.n_q, 1024, num_layers=5, dim=200, past_context=int(3.5 * model.frame_rate))
            for linear in lm.linears:
                linear.weight.data *= sharpness
            self._save(lm, name)
            model.get_lm_model = partial(nn.Module.eval, lm)
        program.MODELS = {name: partial(nn.Module.eval, model) for name, model in self.models.items()}

    def _save(self, lm, name):
        path = self.folder / "new.th"
        torch.save(lm.state_dict(), path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        path.rename(self.folder / f"{name}-{digest[:8]}.th")

    def compress(self, codec, kbps, length, lm, seed, name):
        """Write noise of ``length`` samples to NAME.ecdc, and the codes that were found to NAME.npz."""
        model = self.models[codec]
        model.set_target_bandwidth(kbps)
        sound = np.random.default_rng(seed).standard_normal((model.channels, length)).astype(np.float32)
        found = model.encode(torch.from_numpy(sound[None]).mul(0.1))
        self._keep(name, found)
        # Coding is what is timed.
        model.encode = lambda wav: found
        try:
            with (self.folder / f"{name}.ecdc").open("wb") as file:
                began = time.process_time()
                program.compress_to_file(model, torch.zeros(model.channels, length), file, use_lm=lm)
                taken = time.process_time() - began
        finally:
            del model.encode
        return {"seconds": taken, "frames": sum(codes.shape[2] for codes, _ in found)}

    def decompress(self, codec, name, to):
        """Read NAME.ecdc, and write its codes to TO.npz."""
        model = self.models[codec]
        data = (self.folder / f"{name}.ecdc").read_bytes()
        found, times = [], []

        def catch(frames):
            times.append(time.process_time())
            found.extend(frames)
            return torch.zeros(1, model.channels, 1)

        model.decode = catch
        began = time.process_time()
        try:
            program.decompress_from_file(io.BytesIO(data))
        except EOFError:
            return {"ended": True}
        finally:
            del model.decode
        self._keep(to, found)
        return {"seconds": times[0] - began}

    def slips(self, codec, length):
        """Tell whether decompressing expects another number of frames than compressing writes."""
        model = self.models[codec]
        if model.segment_length:
            rests = [min(model.segment_length, length - at) for at in range(0, length, model.segment_stride)]
        else:
            rests = [length]
        return {"slips": any(math.ceil(n / model.sample_rate * model.frame_rate) != -(-n // 320) for n in rests)}

    def _keep(self, name, frames):
        arrays = {f"codes{i}": codes[0].numpy().astype(np.int16) for i, (codes, _) in enumerate(frames)}
        arrays |= {f"scale{i}": scale.numpy().reshape(()) for i, (_, scale) in enumerate(frames) if scale is not None}
        np.savez(self.folder / f"{name}.npz", **arrays)


def main():
    """Answer until the input ends."""
    folder, threads, sharpness = sys.argv[1:]
    torch.set_num_threads(int(threads))
    torch.set_grad_enabled(False)
    side = Program(Path(folder), float(sharpness))
    print(json.dumps({"torch": torch.__version__}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(getattr(side, asked.pop("do"))(**asked)), flush=True)


if __name__ == "__main__":
    main()
