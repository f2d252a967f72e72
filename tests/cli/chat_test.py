#!/usr/bin/env python3
"""`ondol chat`: one question, a pipe, and a person at a terminal (a pty)."""
import fcntl
import json
import os
import pty
import re
import select
import shutil
import subprocess
import termios
import time
import unittest

import cli
from cli import BROKEN_FILE, DATA, LIMIT, NOT_FOUND, ROOT, SMOLLM2, UNSUPPORTED, USAGE

QUESTION = "Name the capital city of France."
GREEDY = ["--temp", "0", "-n", "12"]


class Terminal:
    """A running `ondol chat` and what it has written."""

    def __init__(self, *arguments, env):
        self.master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (40, 200))
        self.process = subprocess.Popen([cli.BINARY, "chat", *map(str, arguments)], stdin=slave, stdout=slave,
                                        stderr=slave, env={**env, "TERM": "xterm"}, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        self.text = ""
        self.seen = 0

    def send(self, text):
        os.write(self.master, text.encode())

    def expect(self, pattern, timeout=30):
        """Waits until the pattern comes after what was matched before."""
        end = time.monotonic() + timeout
        while True:
            found = re.compile(pattern, re.S).search(self.text, self.seen)
            if found:
                self.seen = found.end()
                if pattern.endswith("> "):
                    self.wait_for_editor(end)
                return found
            if time.monotonic() > end or not self.read(end - time.monotonic()):
                raise AssertionError(f"no {pattern!r} in {self.text[self.seen:]!r}")

    def wait_for_editor(self, end):
        """libedit shows its prompt before it takes the terminal over: what is typed in between
        would be echoed twice."""
        while termios.tcgetattr(self.master)[3] & termios.ICANON:
            if time.monotonic() > end:
                raise AssertionError("the line editor did not take the terminal over")
            time.sleep(0.005)

    def read(self, timeout):
        ready, _, _ = select.select([self.master], [], [], max(timeout, 0))
        try:
            data = os.read(self.master, 65536) if ready else b""
        except OSError:  # the other side is closed
            data = b""
        self.text += data.decode(errors="replace")
        return bool(data)

    def exit_code(self, timeout=20):
        end = time.monotonic() + timeout
        while self.process.poll() is None and time.monotonic() < end:
            self.read(0.1)
        code = self.process.poll()
        self.close()
        return code

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.master >= 0:
            os.close(self.master)
            self.master = -1


class Chat(cli.CliTest):
    def ask(self, *arguments, **more):
        return self.ok("chat", "-m", SMOLLM2, *GREEDY, *arguments, **more)

    def test_one_question(self):
        answer = self.ask(QUESTION)
        self.assertIn("Paris", answer)
        self.assertEqual(self.ask("Name the", "capital city", "of France."), answer)

    def test_pipe(self):
        out = self.ask(stdin=f"{QUESTION}\n\nAnd of Italy?\n")
        self.assertTrue(out.startswith(self.ask(QUESTION)))
        second = out.removeprefix(self.ask(QUESTION))
        self.assertTrue(second)
        self.assertNotEqual(second, self.ask("And of Italy?"))  # the first turn was in its context
        self.assertNotIn("\x1b", out)
        self.assertNotIn("> ", out)
        one = self.ask(stdin='Name the capital \\\ncity of France.\n')
        self.assertEqual(one, self.ask(stdin='"""Name the capital \ncity of France."""\n'))
        self.refused(USAGE, "chat", "-m", SMOLLM2, *GREEDY, stdin="/nonsense\n", says="/help")
        self.assertEqual(self.ask(stdin="/quit\nHello\n"), "")

    def test_system_message_and_seed(self):
        plain = self.ask("Who are you?")
        told = self.ask("--system", "You are a pirate named Jack. Say your name.", "Who are you?")
        self.assertNotEqual(plain, told)
        self.assertEqual(told, self.ask(stdin="/system You are a pirate named Jack. Say your name.\nWho are you?\n"))
        warm = ["chat", "-m", SMOLLM2, "-n", 12, "--temp", 1, "--seed"]
        self.assertEqual(self.ok(*warm, 5, "Tell a story."), self.ok(*warm, 5, "Tell a story."))
        self.assertNotEqual(self.ok(*warm, 5, "Tell a story."), self.ok(*warm, 6, "Tell a story."))

    def test_save_and_load(self):
        saved = self.tmp / "chat.json"
        together = self.ask(stdin=f"{QUESTION}\nAnd of Italy?\n")
        first = self.ask(stdin=f"{QUESTION}\n/save {saved}\n")
        document = json.loads(saved.read_text())
        self.assertEqual(document["format"], "ondol-chat-1")
        self.assertEqual([m["role"] for m in document["messages"]], ["user", "assistant"])
        self.assertEqual(first + self.ask(stdin=f"/load {saved}\nAnd of Italy?\n"), together)
        for content, code in [("{", BROKEN_FILE), ("{}", BROKEN_FILE), ("[" * 1000, BROKEN_FILE),
                              ('{"format": "ondol-chat-1", "messages": [{"role": "tool", "content": ""}]}', BROKEN_FILE),
                              ('{"format": "ondol-chat-1", "messages": [{"role": "user"}]}', BROKEN_FILE)]:
            saved.write_text(content)
            self.refused(code, "chat", "-m", SMOLLM2, stdin=f"/load {saved}\n", says="chat.json")
        self.refused(NOT_FOUND, "chat", "-m", SMOLLM2, stdin=f"/load {self.tmp}/none\n")
        self.refused(USAGE, "chat", "-m", SMOLLM2, stdin="/save\n", says="file name")

    def test_context_full_is_said(self):
        done = self.run_ondol("chat", "-m", SMOLLM2, "--temp", "0", "--ctx", 64, "Tell me a long story.")
        self.assertEqual(done.returncode, 0)
        self.assertIn("context of 64 tokens is full", done.stderr)
        self.refused(LIMIT, "chat", "-m", SMOLLM2, "--ctx", 32, "word " * 40, says="/clear")

    def test_no_chat_model(self):
        golden = ROOT / "tests/golden/models/qwen3_tied"
        self.refused(NOT_FOUND, "chat", "-m", golden, "Hello", says="tokenizer")
        folder = self.tmp / "model"
        shutil.copytree(golden, folder)
        shutil.copy(DATA / "tokenizers/qwen3/tokenizer.json", folder)
        self.refused(UNSUPPORTED, "chat", "-m", folder, "Hello", says="ondol complete")

    def test_default_model_is_fetched(self):
        # Without python3 on PATH the fetch cannot work; that it is tried is what counts here.
        done = self.run_ondol("chat", "Hello", env={"PATH": str(self.tmp)})
        self.assertEqual(done.returncode, NOT_FOUND)
        self.assertIn("fetching smollm2", done.stderr)

    def terminal(self, *arguments):
        terminal = Terminal("-m", SMOLLM2, *arguments, env=self.env)
        self.addCleanup(terminal.close)
        terminal.expect("/help shows")
        terminal.expect("> ")
        return terminal

    def test_terminal(self):
        chat = self.terminal(*GREEDY)
        chat.send("/help\n")
        chat.expect(r"/system TEXT.*> ")
        chat.send("Name the capitol\x7f\x7fal city of France.\n")  # edited on the way
        chat.expect(r"Paris.*> ")
        chat.send("/stats\n")
        chat.expect("> ")
        chat.send("Grüße, 안녕\n")
        chat.expect(r"tokens read at .*> ")
        chat.send(f"/save {self.tmp}/a.json\n")
        chat.expect(r"\[4 messages saved\].*> ")
        chat.send(f"/load {self.tmp}/none.json\n")
        chat.expect(r"ondol: .*none.json.*> ")
        chat.send(f"/save {self.tmp}/b.json\n")  # the error left the chat as it was
        chat.expect(r"\[4 messages saved\].*> ")
        chat.send("/quit\n")
        self.assertEqual(chat.exit_code(), 0)
        messages = json.loads((self.tmp / "a.json").read_text())["messages"]
        self.assertEqual(messages[0]["content"], QUESTION)
        self.assertEqual(messages[2]["content"], "Grüße, 안녕")
        self.assertEqual((self.tmp / "a.json").read_text(), (self.tmp / "b.json").read_text())
        # The history is there the next time: arrow up brings the last question.
        history = self.home / "state" / "history"
        self.assertTrue(history.exists())
        self.assertEqual(history.stat().st_mode & 0o077, 0)
        chat = self.terminal(*GREEDY)
        chat.send("\x1b[A\x1b[A\x1b[A\x1b[A\x1b[A\x1b[A\x1b[A")
        chat.expect("capital city of France")
        chat.send("\n")
        chat.expect(r"Paris.*> ")
        chat.send("\x04")
        self.assertEqual(chat.exit_code(), 0)

    def test_interrupt_keeps_the_chat(self):
        chat = self.terminal("--temp", "0")
        chat.send("Write a very long story about a house with a warm floor.\n")
        chat.expect(r"floor\.\r\n.*?\w+ \w+")
        chat.send("\x03")
        chat.expect(r"\[stopped\].*> ")
        chat.send(f"/save {self.tmp}/stopped.json\n")
        chat.expect(r"\[2 messages saved\].*> ")
        chat.send("half a line\x03")
        chat.expect(r"Ctrl-C once more.*> ")
        chat.send("/system Be brief.\n")  # still alive, and the half line is gone
        chat.expect(r"system message set.*> ")
        chat.send("\x03")
        chat.expect(r"Ctrl-C once more.*> ")
        chat.send("\x03")
        self.assertEqual(chat.exit_code(), 0)

    def test_model_cannot_control_the_terminal(self):
        # A biased model that writes escape characters only.
        ids = self.ok_json("tokenize", "-m", SMOLLM2, "-p", "\x1b")["ids"]
        if len(ids) != 1:
            self.skipTest("no single token for ESC in this vocabulary")
        chat = self.terminal("--temp", "0", "-n", "4", "--logit-bias", f"{ids[0]}=100")
        chat.send("Hello\n")
        chat.expect("\u241b\u241b\u241b\u241b")
        chat.send("/quit\n")
        self.assertEqual(chat.exit_code(), 0)


if __name__ == "__main__":
    cli.main()
