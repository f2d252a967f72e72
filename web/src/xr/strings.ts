// What the headset says, in both languages. Kept apart from the page's strings: this text is loaded with the headset's code only.

export interface HeadsetStrings {
  greeting: string;
  hint: string;
  starters: readonly [string, string, string];
  write: string;
  send: string;
  stop: string;
  again: string;
  retry: string;
  speak: string;
  silence: string;
  thinking: string;
  writing: string;
  stopped: string;
  cut: string;
  fresh: string;
  captions: string;
  pin: string;
  unpin: string;
  recentre: string;
  leave: string;
  talk: string;
  listening: string;
  transcribing: string;
  noVoice: string;
  noMicrophone: string;
  noSpeech: string;
  away: string;
  locked: string;
  busy: string;
  space: string;
  timing: (tokensPerSecond: string, seconds: string) => string;
}

const en: HeadsetStrings = {
  greeting: 'What is on your mind?',
  hint: 'Point at a line, or at the field below.',
  starters: ['Explain how a heat pump works', 'Plan a weekend in Gyeongju', 'Help me write a kind refusal'],
  write: 'Write a message',
  send: 'Send',
  stop: 'Stop',
  again: 'Again',
  retry: 'Retry',
  speak: 'Read aloud',
  silence: 'Be quiet',
  thinking: 'Thinking…',
  writing: 'Writing…',
  stopped: 'Stopped',
  cut: 'Cut off at its longest length',
  fresh: 'New chat',
  captions: 'Captions when you look away',
  pin: 'Pin it where it is',
  unpin: 'Let it be moved',
  recentre: 'Bring it in front of you',
  leave: 'Leave the headset view',
  talk: 'Speak; press again when done',
  listening: 'Listening… press again when done',
  transcribing: 'Writing down what you said…',
  noVoice: 'This server has no transcription model',
  noMicrophone: 'The microphone is not allowed',
  noSpeech: 'This browser has no voices to read with',
  away: 'The server cannot be reached',
  locked: 'The server wants a key: see the page’s settings',
  busy: 'The server is busy; try again soon',
  space: 'space',
  timing: (rate, seconds) => `${rate} tokens/s · first token ${seconds} s`,
};

const ko: HeadsetStrings = {
  greeting: '무엇을 도와드릴까요?',
  hint: '문장을 가리키거나 아래 칸을 누르세요.',
  starters: ['온돌은 어떻게 방을 데우나요?', '경주 주말 여행 계획 짜 줘', '정중하게 거절하는 글을 써 줘'],
  write: '메시지 쓰기',
  send: '보내기',
  stop: '멈추기',
  again: '다시 답하기',
  retry: '다시 시도',
  speak: '소리 내어 읽기',
  silence: '그만 읽기',
  thinking: '생각하는 중…',
  writing: '쓰는 중…',
  stopped: '멈췄습니다',
  cut: '길이 제한에서 끊겼습니다',
  fresh: '새 대화',
  captions: '다른 곳을 볼 때 자막 보기',
  pin: '이 자리에 고정',
  unpin: '고정 풀기',
  recentre: '앞으로 가져오기',
  leave: '헤드셋 화면 나가기',
  talk: '말하기, 다시 누르면 끝',
  listening: '듣는 중… 끝나면 다시 누르세요',
  transcribing: '받아쓰는 중…',
  noVoice: '이 서버에는 받아쓰기 모델이 없습니다',
  noMicrophone: '마이크를 쓸 수 없습니다',
  noSpeech: '이 브라우저에는 읽을 목소리가 없습니다',
  away: '서버에 연결할 수 없습니다',
  locked: '서버가 키를 요구합니다. 페이지 설정을 보세요',
  busy: '서버가 바쁩니다. 잠시 뒤 다시 시도하세요',
  space: '띄어쓰기',
  timing: (rate, seconds) => `초당 ${rate} 토큰 · 첫 토큰 ${seconds}초`,
};

export function strings(language: 'en' | 'ko'): HeadsetStrings {
  return language === 'ko' ? ko : en;
}
