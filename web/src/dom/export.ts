// A conversation as a file: the branch shown as Markdown, or the whole tree as JSON.

import { branch, fenced, type Conversation } from '../core/conversation';
import { t } from './texts';

export function asMarkdown(conversation: Conversation): string {
  const parts = [`# ${conversation.title || t('untitled')}`];
  for (const message of branch(conversation)) {
    parts.push(`## ${message.role === 'user' ? t('you') : t('assistant')}`);
    for (const file of message.attachments ?? []) parts.push(`**${file.name}**\n\n${fenced(file.text)}`);
    if (message.text) parts.push(message.text);
    if (message.error !== undefined) parts.push(`> ${message.error}`);
  }
  return parts.join('\n\n') + '\n';
}

export function download(conversation: Conversation, form: 'markdown' | 'json'): void {
  const json = form === 'json';
  const text = json ? JSON.stringify(conversation, null, 2) + '\n' : asMarkdown(conversation);
  const blob = new Blob([text], { type: json ? 'application/json' : 'text/markdown' });
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = `${fileName(conversation.title)}.${json ? 'json' : 'md'}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// A name that every file system takes.
export function fileName(title: string): string {
  return title.replace(/[\\/:*?"<>|\u0000-\u001f]+/g, ' ').replace(/\s+/g, ' ').replace(/^[. ]+|[. …]+$/g, '').slice(0, 60) || 'conversation';
}
