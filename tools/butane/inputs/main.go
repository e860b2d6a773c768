// Command inputs writes down the inputs of the reference's own table tests, so that they can be put to another
// translator: inputs FOLDER. The tables are Go values; a copy of the reference in a temporary folder gets one more call in
// each table's loop, which writes the value out as a document (package record), and its tests are run.
package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const reference = "github.com/coreos/butane"

//go:embed record/record.go
var recorder []byte

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: inputs FOLDER")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(out string) error {
	out, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	temporary, err := os.MkdirTemp("", "butane-inputs-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary)
	copied := filepath.Join(temporary, "reference")
	packages, err := instrument(copied)
	if err != nil {
		return err
	}
	modfile := filepath.Join(temporary, "go.mod")
	if err := replaceReference(modfile, copied); err != nil {
		return err
	}
	args := append([]string{"test", "-count=1", "-vet=off", "-modfile=" + modfile}, packages...)
	test := exec.Command("go", args...)
	test.Env = append(os.Environ(), "RECORD_TO="+out)
	// Some tests fail as root, which may read everything; that takes nothing from their inputs.
	said, failed := test.CombinedOutput()
	for _, name := range packages {
		name = strings.ReplaceAll(strings.TrimPrefix(name, reference+"/"), "/", " ")
		found, err := filepath.Glob(filepath.Join(out, name+" *.bu"))
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return fmt.Errorf("no inputs of %s: %v\n%s", name, failed, said)
		}
	}
	return nil
}

// Copies the reference to a folder, with a call to record in the table tests of variant fcos and of what it is made of.
func instrument(folder string) ([]string, error) {
	source, err := output("go", "list", "-m", "-f", "{{.Dir}}", reference)
	if err != nil {
		return nil, err
	}
	if err := os.CopyFS(folder, os.DirFS(source)); err != nil {
		return nil, err
	}
	if err := write(filepath.Join(folder, "record/record.go"), recorder); err != nil {
		return nil, err
	}
	var packages []string
	for _, pattern := range []string{"base/v*", "config/fcos/v*"} {
		found, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil {
			return nil, err
		}
		for _, path := range found {
			if strings.HasSuffix(path, "_exp") {
				continue
			}
			name, err := filepath.Rel(folder, path)
			if err != nil {
				return nil, err
			}
			if err := instrumentPackage(path, name); err != nil {
				return nil, err
			}
			packages = append(packages, reference+"/"+name)
		}
	}
	return packages, nil
}

func instrumentPackage(path, name string) error {
	tests, err := filepath.Glob(filepath.Join(path, "*_test.go"))
	if err != nil {
		return err
	}
	for _, test := range tests {
		text, err := os.ReadFile(test)
		if err != nil {
			return err
		}
		text, err = withCalls(text)
		if err != nil {
			return err
		}
		if err := write(test, text); err != nil {
			return err
		}
	}
	helper := fmt.Sprintf(`package %s

import (
	"testing"

	%q
)

func recordInput(t *testing.T, test any, filesDir string) { record.Input(t, %q, test, filesDir) }
`, filepath.Base(path), reference+"/record", name)
	return write(filepath.Join(path, "record_test.go"), []byte(helper))
}

// Puts a call before the statement which first uses the input of a table's entry, when its files are in place.
func withCalls(text []byte) ([]byte, error) {
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, "", text, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	written := 0
	at := func(pos token.Pos) int { return files.Position(pos).Offset }
	ast.Inspect(parsed, func(node ast.Node) bool {
		function, ok := node.(*ast.FuncLit)
		if !ok {
			return true
		}
		body := function.Body
		for _, statement := range body.List {
			start, end := at(statement.Pos()), at(statement.End())
			if !bytes.Contains(text[start:end], []byte("test.in")) {
				continue
			}
			filesDir := `""`
			if bytes.Contains(text[at(body.Pos()):start], []byte("filesDir :=")) {
				filesDir = "filesDir"
			}
			out.Write(text[written:start])
			fmt.Fprintf(&out, "recordInput(t, test, %s)\n", filesDir)
			written = start
			break
		}
		return false
	})
	out.Write(text[written:])
	return out.Bytes(), nil
}

// Writes this module's go.mod and go.sum with the copy in the place of the reference.
func replaceReference(modfile, copied string) error {
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		return err
	}
	sum, err := os.ReadFile("go.sum")
	if err != nil {
		return err
	}
	mod = fmt.Appendf(mod, "\nreplace %s => %s\n", reference, copied)
	if err := write(modfile, mod); err != nil {
		return err
	}
	return write(strings.TrimSuffix(modfile, ".mod")+".sum", sum)
}

func output(name string, args ...string) (string, error) {
	out, err := exec.Command(name, args...).Output()
	return strings.TrimSpace(string(out)), err
}

// The module cache is read-only, and so is what was copied from it.
func write(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}
