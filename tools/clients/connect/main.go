// Drives a 1Password Connect server with the vendor's own client and prints what it saw as one line of JSON.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/1Password/connect-sdk-go/connect"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	client, err := connect.NewClientFromEnvironment()
	check(err)
	seen := map[string]any{}

	vaults, err := client.GetVaults()
	check(err)
	seen["vaults"] = len(vaults)
	vault, err := client.GetVaultByTitle("moltbot")
	check(err)
	same, err := client.GetVaultByUUID(vault.ID)
	check(err)
	seen["vault"] = same.Name
	item, err := client.GetItem("Discord Bot Token", vault.ID)
	check(err)
	seen["item"] = []string{string(item.Category), item.GetValue("credential")}
	items, err := client.GetItems(vault.ID)
	check(err)
	seen["items"] = len(items)
	_, err = client.GetItemByTitle("Nope", vault.ID)
	seen["missing"] = fmt.Sprint(err)
	_, err = client.GetItemByUUID("aaaaaaaaaaaaaaaaaaaaaaaaaa", vault.ID)
	seen["missingId"] = fmt.Sprint(err)
	_, err = client.GetItems("aaaaaaaaaaaaaaaaaaaaaaaaaa")
	seen["scope"] = fmt.Sprint(err)
	wrong := connect.NewClient(os.Getenv("OP_CONNECT_HOST"), "wrong")
	_, err = wrong.GetVaults()
	seen["token"] = fmt.Sprint(err)
	check(json.NewEncoder(os.Stdout).Encode(seen))
}
