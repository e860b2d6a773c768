// Drives a Tailscale API with the vendor's own client and prints what it saw as one line of JSON.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"tailscale.com/client/tailscale/v2"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	client := &tailscale.Client{Tailnet: "-", APIKey: os.Getenv("TAILSCALE_API_KEY")}
	if id := os.Getenv("TAILSCALE_OAUTH_CLIENT_ID"); id != "" {
		client.Auth = &tailscale.OAuth{ClientID: id, ClientSecret: os.Getenv("TAILSCALE_OAUTH_CLIENT_SECRET")}
	}
	seen := map[string]any{}

	request := tailscale.CreateKeyRequest{ExpirySeconds: 3600, Description: "moltbot g1"}
	request.Capabilities.Devices.Create.Preauthorized = true
	request.Capabilities.Devices.Create.Tags = []string{"tag:moltbot"}
	key, err := client.Keys().CreateAuthKey(ctx, request)
	check(err)
	seen["secret"] = strings.Contains(key.Key, "-auth-")
	read, err := client.Keys().Get(ctx, key.ID)
	check(err)
	seen["key"] = []any{read.KeyType, read.Description, read.Invalid, read.Key == "", int64(*read.ExpirySeconds)}
	keys, err := client.Keys().List(ctx, true)
	check(err)
	seen["keys"] = len(keys)
	check(client.Keys().Delete(ctx, key.ID))
	_, err = client.Keys().Get(ctx, key.ID)
	seen["deletedKey"] = tailscale.IsNotFound(err)

	request.Capabilities.Devices.Create.Tags = []string{"tag:nope"}
	_, err = client.Keys().CreateAuthKey(ctx, request)
	seen["badTag"] = fmt.Sprint(err)

	devices, err := client.Devices().List(ctx)
	check(err)
	names := []string{}
	for _, device := range devices {
		names = append(names, device.Name)
	}
	seen["devices"] = names
	if len(devices) > 0 {
		device, err := client.Devices().Get(ctx, devices[0].NodeID)
		check(err)
		seen["device"] = []any{device.Hostname, device.Tags, device.ConnectedToControl, device.LastSeen == nil}
		check(client.Devices().Delete(ctx, device.NodeID))
	}
	seen["deletedDevice"] = tailscale.IsNotFound(client.Devices().Delete(ctx, "nope"))

	policy, err := client.PolicyFile().Get(ctx)
	check(err)
	seen["owners"] = policy.TagOwners
	seen["ssh"] = policy.SSH[0].Users
	raw, err := client.PolicyFile().Raw(ctx)
	check(err)
	seen["etag"] = raw.ETag == policy.ETag && raw.ETag != ""
	check(json.NewEncoder(os.Stdout).Encode(seen))
}
