import type { AnswerBlock, MessageAnswer } from "./index.ts";

/** One server-sent event of the Messages API: its name is the `type` of its data. */
export type StreamEvent = { type: string } & Record<string, unknown>;

/** Length of the pieces in which text and tool input are streamed, in characters. */
const pieceLength = 24;

/** The answer as the stream of events that the real service sends, in its order. */
export function* streamEvents(answer: MessageAnswer): Generator<StreamEvent> {
	yield {
		type: "message_start",
		message: {
			...answer,
			content: [],
			stop_reason: null,
			usage: { ...answer.usage, output_tokens: 1 },
		},
	};
	yield { type: "ping" };
	for (const [index, block] of answer.content.entries()) {
		yield { type: "content_block_start", index, content_block: empty(block) };
		for (const delta of deltas(block))
			yield { type: "content_block_delta", index, delta };
		yield { type: "content_block_stop", index };
	}
	yield {
		type: "message_delta",
		delta: { stop_reason: answer.stop_reason, stop_sequence: null },
		usage: { output_tokens: answer.usage.output_tokens },
	};
	yield { type: "message_stop" };
}

/** An event in the form of `text/event-stream`. */
export function encodeEvent(event: StreamEvent): string {
	return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}

function empty(block: AnswerBlock): object {
	return block.type === "text"
		? { type: "text", text: "" }
		: { ...block, input: {} };
}

function deltas(block: AnswerBlock): object[] {
	return block.type === "text"
		? pieces(block.text).map((text) => ({ type: "text_delta", text }))
		: pieces(JSON.stringify(block.input)).map((partial_json) => ({
				type: "input_json_delta",
				partial_json,
			}));
}

function pieces(text: string): string[] {
	// By code point: half of a surrogate pair would not survive the encoding.
	const characters = Array.from(text);
	return Array.from(
		{ length: Math.ceil(characters.length / pieceLength) },
		(_, at) =>
			characters.slice(at * pieceLength, (at + 1) * pieceLength).join(""),
	);
}
