// Speaking to the assistant, and hearing it: push-to-talk by an AudioWorklet at 16 kHz to the server's transcription
// endpoint, and the browser's own speech synthesis. The microphone exists in secure contexts only.

import type { Api } from './api';

export type TalkState = 'unavailable' | 'ready' | 'recording' | 'working';

const kSampleRate = 16000;
const kMaxSeconds = 60;
// Not bundled: a worklet is loaded by address, and the CSP allows this origin only (see web/public/recorder.js).
const kRecorderModule = '/recorder.js';

interface Recording {
  context: AudioContext;
  stream: MediaStream;
  chunks: Float32Array[];
  samples: number;
}

export class PushToTalk {
  private current: TalkState = 'unavailable';
  private recording?: Recording;
  private readonly listeners = new Set<() => void>();

  constructor(private readonly api: Api) {}

  get state(): TalkState {
    return this.current;
  }

  on(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  // Looks whether microphone and endpoint are there; call it once before the first start().
  async probe(): Promise<void> {
    const possible = typeof AudioWorkletNode !== 'undefined' && !!navigator.mediaDevices?.getUserMedia;
    this.set(possible && (await this.api.canTranscribe()) ? 'ready' : 'unavailable');
  }

  // Throws what the browser says when the user refuses the microphone; the state is then 'ready' again.
  async start(): Promise<void> {
    if (this.current !== 'ready') return;
    this.set('recording');
    try {
      const recording = await openMicrophone();
      if ((this.current as TalkState) !== 'recording') return closeMicrophone(recording); // stopped meanwhile
      this.recording = recording;
    } catch (error) {
      this.set('ready');
      throw error;
    }
  }

  // Ends the recording and gives what was said; "" if nothing was recorded.
  async stop(): Promise<string> {
    if (this.current !== 'recording') return '';
    const recording = this.recording;
    this.recording = undefined;
    if (!recording || recording.samples === 0) {
      if (recording) closeMicrophone(recording);
      this.set('ready');
      return '';
    }
    this.set('working');
    closeMicrophone(recording);
    try {
      return (await this.api.transcribe(wavOf(recording.chunks, recording.context.sampleRate))).trim();
    } finally {
      this.set('ready');
    }
  }

  private set(state: TalkState): void {
    if (state === this.current) return;
    this.current = state;
    for (const listener of Array.from(this.listeners)) listener();
  }
}

async function openMicrophone(): Promise<Recording> {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, echoCancellation: true } });
  const context = newContext(stream);
  try {
    await context.audioWorklet.addModule(kRecorderModule);
    const recording: Recording = { context, stream, chunks: [], samples: 0 };
    const node = new AudioWorkletNode(context, 'ondol-recorder', { numberOfInputs: 1, numberOfOutputs: 0 });
    node.port.onmessage = (event: MessageEvent<Float32Array>) => {
      if (recording.samples > kMaxSeconds * context.sampleRate) return;
      recording.chunks.push(event.data);
      recording.samples += event.data.length;
    };
    context.createMediaStreamSource(stream).connect(node);
    return recording;
  } catch (error) {
    closeMicrophone({ context, stream, chunks: [], samples: 0 });
    throw error;
  }
}

function newContext(stream: MediaStream): AudioContext {
  try {
    const context = new AudioContext({ sampleRate: kSampleRate });
    context.createMediaStreamSource(stream); // some browsers refuse a rate that is not the microphone's, but only here
    return context;
  } catch {
    return new AudioContext();
  }
}

function closeMicrophone(recording: Recording): void {
  for (const track of recording.stream.getTracks()) track.stop();
  void recording.context.close();
}

// 16-bit mono WAV at 16 kHz.
export function wavOf(chunks: Float32Array[], sampleRate: number): Blob {
  const samples = resample(join(chunks), sampleRate, kSampleRate);
  const bytes = new DataView(new ArrayBuffer(44 + samples.length * 2));
  const ascii = (at: number, text: string) => {
    for (let i = 0; i < text.length; i++) bytes.setUint8(at + i, text.charCodeAt(i));
  };
  ascii(0, 'RIFF');
  bytes.setUint32(4, 36 + samples.length * 2, true);
  ascii(8, 'WAVEfmt ');
  bytes.setUint32(16, 16, true); // bytes of this block
  bytes.setUint16(20, 1, true); // PCM
  bytes.setUint16(22, 1, true); // channels
  bytes.setUint32(24, kSampleRate, true);
  bytes.setUint32(28, kSampleRate * 2, true); // bytes a second
  bytes.setUint16(32, 2, true); // bytes a frame
  bytes.setUint16(34, 16, true); // bits a sample
  ascii(36, 'data');
  bytes.setUint32(40, samples.length * 2, true);
  for (let i = 0; i < samples.length; i++) {
    const clipped = Math.max(-1, Math.min(1, samples[i]!));
    bytes.setInt16(44 + i * 2, Math.round(clipped * 32767), true);
  }
  return new Blob([bytes.buffer as ArrayBuffer], { type: 'audio/wav' });
}

function join(chunks: Float32Array[]): Float32Array {
  const all = new Float32Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

// Each output sample is the mean of the input it covers: enough of a low-pass for speech.
function resample(samples: Float32Array, from: number, to: number): Float32Array {
  if (from <= to) return samples;
  const step = from / to;
  const out = new Float32Array(Math.floor(samples.length / step));
  for (let i = 0; i < out.length; i++) {
    const begin = Math.floor(i * step);
    const end = Math.max(begin + 1, Math.floor((i + 1) * step));
    let sum = 0;
    for (let j = begin; j < end; j++) sum += samples[j]!;
    out[i] = sum / (end - begin);
  }
  return out;
}

// Reads a text aloud. Gives what stops it, or undefined where the browser has no voices.
export function speak(text: string, language: string): (() => void) | undefined {
  if (typeof speechSynthesis === 'undefined' || speechSynthesis.getVoices().length === 0) return undefined;
  speechSynthesis.cancel();
  const utterance = new SpeechSynthesisUtterance(spokenText(text));
  utterance.lang = language;
  speechSynthesis.speak(utterance);
  return () => speechSynthesis.cancel();
}

// Markdown's marks are not to be read out, nor is code.
export function spokenText(markdown: string): string {
  return markdown
    .replace(/```[\s\S]*?(```|$)/g, ' ')
    .replace(/^[ \t|:-]+$/gm, ' ') // a table's ruling, a line across
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/^[ \t]*(#+|[-*+]|>)[ \t]+/gm, '')
    .replace(/[*_`|]/g, '')
    .trim();
}
