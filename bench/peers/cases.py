"""What is measured, on which files. A case is one kind of process that every engine is
started as; its prefill and its decode become a row each."""
import dataclasses
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / ".cache/test-data"


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    title: str
    model: str  # "SHAPE DTYPE" of make_model, or "smollm2"
    prompt: int = 512
    generate: int = 128
    depth: int = 0
    sequences: int = 1
    first_token: bool = False
    settings_like: str = ""  # whose best settings to take instead of trying all: deep runs are long

    def smaller(self):
        """For --quick: the same work, less of it."""
        return dataclasses.replace(self, prompt=min(self.prompt, 128), generate=min(self.generate, 16))


CASES = [
    Case("1b-q4_0", "Llama-3.2-1B Q4_0", "llama-3.2-1b q4_0"),
    Case("1b-q4_k_m", "Llama-3.2-1B Q4_K_M", "llama-3.2-1b q4_k_m"),
    Case("1b-q8_0", "Llama-3.2-1B Q8_0", "llama-3.2-1b q8_0"),
    Case("1b-depth-4096", "Llama-3.2-1B Q4_0", "llama-3.2-1b q4_0", generate=64, depth=4096),
    Case("1b-depth-16384", "Llama-3.2-1B Q4_0", "llama-3.2-1b q4_0", generate=64, depth=16384,
         settings_like="1b-depth-4096"),
    Case("1b-sequences-16", "Llama-3.2-1B Q4_0, 16 sequences", "llama-3.2-1b q4_0", prompt=0, generate=64, sequences=16),
    Case("135m-q4_0", "SmolLM2-135M Q4_0", "smollm2-135m q4_0"),
    Case("smollm2-q4_1", "SmolLM2-135M Q4_1 (real)", "smollm2"),
    Case("8b-q4_0", "Llama-3-8B Q4_0", "llama-3-8b q4_0", generate=32, settings_like="1b-q4_0"),
    Case("1b-first-token", "Llama-3.2-1B Q4_0, first token", "llama-3.2-1b q4_0", prompt=16, generate=1,
         first_token=True, settings_like="1b-q4_0"),
]
QUICK = ["1b-q4_0", "135m-q4_0", "smollm2-q4_1", "1b-first-token"]

# Cut to sixteen tokens for the first-token case.
PROMPT_WORDS = ("The old house stood by the river and its stone floor was warm all through the long "
                "winter because a fire burned under it day and night").split()

TOKENIZERS = {"llama-3.2-1b": "tokenizers/llama3", "llama-3-8b": "tokenizers/llama3",
              "qwen3-0.6b": "tokenizers/qwen3", "smollm2-135m": "smollm2.gguf"}


def model_file(model, folder, make_model):
    """The file of a case's model; made if it is not there."""
    if model == "smollm2":
        return DATA / "smollm2.gguf"
    shape, dtype = model.split()
    path = folder / f"{shape}-{dtype}.gguf"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        subprocess.run([make_model, "--shape", shape, "--dtype", dtype, "--tokenizer", DATA / TOKENIZERS[shape],
                        "--out", part], check=True)
        part.rename(path)
    return path


def warm(path):
    """Reads the file, so that no engine pays for the disk."""
    with open(path, "rb", buffering=0) as file:
        block = bytearray(1 << 24)
        while file.readinto(block):
            pass
