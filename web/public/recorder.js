// Runs on the audio thread: hands the microphone's samples to the page in pieces of about a tenth of a second.
class Recorder extends AudioWorkletProcessor {
  constructor() {
    super();
    this.buffer = new Float32Array(2048);
    this.filled = 0;
  }

  process(inputs) {
    const samples = inputs[0] && inputs[0][0];
    if (!samples) return true;
    for (let i = 0; i < samples.length; i++) {
      this.buffer[this.filled++] = samples[i];
      if (this.filled < this.buffer.length) continue;
      this.port.postMessage(this.buffer.slice());
      this.filled = 0;
    }
    return true;
  }
}

registerProcessor('ondol-recorder', Recorder);
