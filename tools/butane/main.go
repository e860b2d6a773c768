// Command butane keeps the reference translator running, so that a test can put thousands of documents to it: one JSON
// request a line in ({"document": base64, "filesDir": path}), one JSON answer a line out.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/coreos/butane/config"
	"github.com/coreos/butane/config/common"
)

type request struct {
	Document []byte `json:"document"`
	FilesDir string `json:"filesDir"`
}

type problem struct {
	Severity string `json:"severity"`
	Path     string `json:"path"`
	Message  string `json:"message"`
	// The reference did not find the way back to the document: the path is that in the output, in the document's spelling.
	Lost bool `json:"lost,omitempty"`
}

type answer struct {
	Ignition json.RawMessage `json:"ignition,omitempty"`
	Error    string          `json:"error,omitempty"`
	Problems []problem       `json:"problems"`
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 64<<20)
	out := json.NewEncoder(os.Stdout)
	for in.Scan() {
		var req request
		if err := json.Unmarshal(in.Bytes(), &req); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if err := out.Encode(translate(req)); err != nil {
			os.Exit(1)
		}
	}
}

// A panic of the reference is an answer too: the test counts it as a refusal.
func translate(req request) (a answer) {
	defer func() {
		if r := recover(); r != nil {
			a = answer{Error: fmt.Sprintf("panic: %v", r)}
		}
	}()
	options := common.TranslateBytesOptions{}
	options.FilesDir = req.FilesDir
	output, report, err := config.TranslateBytes(req.Document, options)
	for _, entry := range report.Entries {
		a.Problems = append(a.Problems, problem{
			Severity: entry.Kind.String(),
			Path:     strings.TrimPrefix(entry.Context.String(), "$."),
			Message:  entry.Message,
			Lost:     entry.Context.Tag == "json",
		})
	}
	if err != nil {
		a.Error = err.Error()
		return a
	}
	a.Ignition = output
	return a
}
