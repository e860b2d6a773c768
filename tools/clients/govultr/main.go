// Drives a Vultr API with the vendor's own client, as a user's tools would, and prints what it saw as one line of JSON.
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/vultr/govultr/v3"
	"golang.org/x/oauth2"
)

// Between two questions: Vultr answers 30 calls a second, and this program makes some twenty beside.
const pause = 250 * time.Millisecond

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	token := oauth2.StaticTokenSource(&oauth2.Token{AccessToken: os.Getenv("VULTR_API_KEY")})
	client := govultr.NewClient(oauth2.NewClient(ctx, token))
	client.SetRetryLimit(0)
	seen := map[string]any{}

	account, _, err := client.Account.Get(ctx)
	check(err)
	seen["acls"] = len(account.ACL)
	plans, _, _, err := client.Plan.List(ctx, "vc2", nil)
	check(err)
	seen["plans"] = len(plans)
	available, _, err := client.Region.Availability(ctx, "ewr", "")
	check(err)
	seen["available"] = len(available.AvailablePlans)

	group, _, err := client.FirewallGroup.Create(ctx, &govultr.FirewallGroupReq{Description: "clients"})
	check(err)
	rule, _, err := client.FirewallRule.Create(ctx, group.ID, &govultr.FirewallRuleReq{
		IPType: "v4", Protocol: "udp", Subnet: "0.0.0.0", SubnetSize: 0, Port: "41641",
	})
	check(err)
	seen["rule"] = rule.ID
	check(client.FirewallRule.Delete(ctx, group.ID, rule.ID))

	data := base64.StdEncoding.EncodeToString([]byte("hello"))
	made, _, err := client.Instance.Create(ctx, &govultr.InstanceCreateReq{
		Region: "ewr", Plan: "vc2-2c-4gb", OsID: 391, Label: "clients", Hostname: "clients",
		Tags: []string{"moltbot"}, FirewallGroupID: group.ID, EnableIPv6: govultr.BoolToBoolPtr(true),
		Backups: "disabled", UserData: data,
	})
	check(err)
	seen["password"] = made.DefaultPassword != ""
	// A condition, not a pause: the stand-in is asked until the machine runs.
	instance := made
	for instance.Status != "active" || instance.PowerStatus != "running" {
		time.Sleep(pause)
		instance, _, err = client.Instance.Get(ctx, made.ID)
		check(err)
	}
	seen["hostname"] = instance.Hostname
	seen["address"] = instance.MainIP
	schedule, _, err := client.Instance.GetBackupSchedule(ctx, made.ID)
	check(err)
	seen["backups"] = *schedule.Enabled
	vpcs, _, _, err := client.Instance.ListVPCInfo(ctx, made.ID, nil)
	check(err)
	seen["vpcs"] = len(vpcs)
	//lint:ignore SA1019 the call that foreign resources make, and that fails today
	_, _, _, err = client.Instance.ListVPC2Info(ctx, made.ID, nil)
	seen["vpc2"] = fmt.Sprint(err)
	stored, _, err := client.Instance.GetUserData(ctx, made.ID)
	check(err)
	seen["userData"] = stored.Data == data
	listed, meta, _, err := client.Instance.List(ctx, &govultr.ListOptions{Tag: "moltbot", PerPage: 10})
	check(err)
	seen["listed"] = []int{len(listed), meta.Total}
	updated, _, err := client.Instance.Update(ctx, made.ID, &govultr.InstanceUpdateReq{Label: "other"})
	check(err)
	// The client sends `"tags": null` with every update.
	seen["updated"] = []any{updated.Label, len(updated.Tags)}
	check(client.Instance.Halt(ctx, made.ID))
	check(client.Instance.Delete(ctx, made.ID))
	check(client.FirewallGroup.Delete(ctx, group.ID))
	for err == nil {
		time.Sleep(pause)
		_, _, err = client.Instance.Get(ctx, made.ID)
	}
	seen["gone"] = err.Error()
	check(json.NewEncoder(os.Stdout).Encode(seen))
}
