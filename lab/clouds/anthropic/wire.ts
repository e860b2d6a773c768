import { z } from "zod";

const textBlock = z.looseObject({ type: z.literal("text"), text: z.string() });
const toolUseBlock = z.looseObject({
	type: z.literal("tool_use"),
	id: z.string(),
	name: z.string(),
	input: z.record(z.string(), z.unknown()),
});
const toolResultBlock = z.looseObject({
	type: z.literal("tool_result"),
	tool_use_id: z.string(),
	is_error: z.boolean().optional(),
	content: z
		.union([z.string(), z.array(z.looseObject({ type: z.string() }))])
		.optional(),
});
/** Blocks that the lab model does not look into. */
const otherBlock = z.looseObject({
	type: z.enum(["image", "document", "thinking", "redacted_thinking"]),
});
const block = z.union([textBlock, toolUseBlock, toolResultBlock, otherBlock]);
const content = z.union([z.string(), z.array(block)]);

/** Body of `POST /v1/messages`, as far as the stand-in judges it. */
export const requestSchema = z.looseObject({
	model: z.string(),
	max_tokens: z.number().int().positive(),
	messages: z
		.array(z.object({ role: z.enum(["user", "assistant"]), content }))
		.min(1),
	system: z.union([z.string(), z.array(textBlock)]).optional(),
	tools: z.array(z.looseObject({ name: z.string() })).optional(),
	stream: z.boolean().optional(),
});

export type MessagesRequest = z.output<typeof requestSchema>;
export type InputBlock = z.output<typeof block>;
export type ToolResult = z.output<typeof toolResultBlock>;
export type Turn = { role: "user" | "assistant"; blocks: InputBlock[] };

/** A block of the answer. A tool call gets its id from the service. */
export type ReplyBlock =
	| { type: "text"; text: string }
	| { type: "tool_use"; name: string; input: Record<string, unknown> };

/** The conversation with consecutive messages of one role joined, as the real service reads it. */
export function turns(request: MessagesRequest): Turn[] {
	const joined: Turn[] = [];
	for (const { role, content } of request.messages) {
		const blocks: InputBlock[] =
			typeof content === "string" ? [{ type: "text", text: content }] : content;
		const last = joined.at(-1);
		if (last?.role === role) last.blocks.push(...blocks);
		else joined.push({ role, blocks: [...blocks] });
	}
	return joined;
}

/** Type guards over the union, whose loose members TypeScript cannot tell apart by `type` alone. */
export const isText = (each: InputBlock): each is z.output<typeof textBlock> =>
	each.type === "text";
export const isToolUse = (
	each: InputBlock,
): each is z.output<typeof toolUseBlock> => each.type === "tool_use";
export const isToolResult = (each: InputBlock): each is ToolResult =>
	each.type === "tool_result";

/** What is wrong with the pairing of tool calls and results, in the words of the real service, or undefined. */
export function toolPairingProblem(conversation: Turn[]): string | undefined {
	for (const [index, turn] of conversation.entries()) {
		const called = turn.blocks.filter(isToolUse).map(({ id }) => id);
		const next = conversation[index + 1]?.blocks.filter(isToolResult) ?? [];
		const missing = called.filter(
			(id) => !next.some((r) => r.tool_use_id === id),
		);
		if (missing.length > 0)
			return `messages.${index}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${missing.join(", ")}. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`;
		const before = conversation[index - 1]?.blocks.filter(isToolUse) ?? [];
		const stray = turn.blocks
			.filter(isToolResult)
			.find((result) => !before.some(({ id }) => id === result.tool_use_id));
		if (stray)
			return `messages.${index}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${stray.tool_use_id}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`;
	}
	return undefined;
}
