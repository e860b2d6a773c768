/** Repository of an image reference with a digest and no tag: the scope of a signature rule. */
export function osScopeOf(image: string): string {
	return image.replace(/@.*$/, "");
}

/** Public key of uCore's signatures: `cosign.pub` of github.com/ublue-os/ucore, as changed on 2024-07-02. */
export const ucoreSigningKey = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEHLRpBfPRYiMl9wb7s6fx47PzzNWu
3zyJgXhWEvxoOgwv9CpwjbvUwR9qHxNMWkJhuGE6cjDA2hpy1I6NbA+24Q==
-----END PUBLIC KEY-----
`;
