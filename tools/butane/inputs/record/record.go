// Package record is compiled into the tests of the reference: it writes the input of a table test as a document.
package record

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"gopkg.in/yaml.v3"
)

// The versions of variant fcos that are made of a package.
var versions = map[string][]string{
	"base/v0_1": {"1.0.0"}, "base/v0_2": {"1.1.0"}, "base/v0_3": {"1.2.0", "1.3.0"}, "base/v0_4": {"1.4.0"},
	"base/v0_5": {"1.5.0"}, "base/v0_6": {"1.6.0"}, "base/v0_7": {"1.7.0"},
	"config/fcos/v1_0": {"1.0.0"}, "config/fcos/v1_1": {"1.1.0"}, "config/fcos/v1_2": {"1.2.0"},
	"config/fcos/v1_3": {"1.3.0"}, "config/fcos/v1_4": {"1.4.0"}, "config/fcos/v1_5": {"1.5.0"},
	"config/fcos/v1_6": {"1.6.0"}, "config/fcos/v1_7": {"1.7.0"},
}

type fields = map[string]any

// Where a value of a type stands in a document.
var places = map[string]func(any) fields{
	"BootDevice":   func(in any) fields { return fields{"boot_device": in} },
	"Directory":    func(in any) fields { return storage("directories", in) },
	"Dropin":       func(in any) fields { return unit(fields{"name": "a.service", "dropins": []any{in}}) },
	"File":         func(in any) fields { return storage("files", in) },
	"FileContents": contents,
	"Filesystem":   func(in any) fields { return storage("filesystems", in) },
	"GrubUser":     func(in any) fields { return fields{"grub": fields{"users": []any{in}}} },
	"Ignition":     func(in any) fields { return fields{"ignition": in} },
	"Link":         func(in any) fields { return storage("links", in) },
	"PasswdUser":   func(in any) fields { return fields{"passwd": fields{"users": []any{in}}} },
	"Resource":     contents,
	"Tree":         func(in any) fields { return storage("trees", in) },
	"Unit":         unit,
}

func storage(list string, in any) fields { return fields{"storage": fields{list: []any{in}}} }
func unit(in any) fields                 { return fields{"systemd": fields{"units": []any{in}}} }
func contents(in any) fields             { return storage("files", fields{"path": "/a", "contents": in}) }

// Input writes an entry of a table in every version of its package to the folder RECORD_TO: NAME.bu, and the folder
// NAME.files with the local files, if the entry has some.
func Input(t *testing.T, name string, test any, filesDir string) {
	for _, version := range versions[name] {
		document, err := documentOf(test, version)
		if err != nil {
			t.Fatal(err)
		}
		file := fmt.Sprintf("%s %s as %s", name, t.Name(), version)
		path := filepath.Join(os.Getenv("RECORD_TO"), strings.ReplaceAll(file, "/", " "))
		if err := os.WriteFile(path+".bu", []byte(document), 0o644); err != nil {
			t.Fatal(err)
		}
		if from := folderOf(test, filesDir); from != "" {
			if err := copyFolder(from, path+".files"); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func documentOf(test any, version string) (string, error) {
	in := field(test, "in")
	header := fmt.Sprintf("variant: fcos\nversion: %s\n", version)
	if text, ok := in.(string); ok {
		return header + text, nil
	}
	var body any
	kind := reflect.TypeOf(in)
	switch {
	case in == nil:
		// The table of the trees has an input for each list.
		body = fields{"storage": fields{"trees": field(test, "inTrees"), "files": field(test, "inFiles"),
			"directories": field(test, "inDirs"), "links": field(test, "inLinks")}}
	case kind.Name() == "Config":
		body = in
	case places[kind.Name()] != nil:
		body = places[kind.Name()](in)
	default:
		return "", fmt.Errorf("no place for a %s", kind)
	}
	var tree yaml.Node
	if err := tree.Encode(body); err != nil {
		return "", err
	}
	if prune(&tree) {
		return header, nil
	}
	text, err := yaml.Marshal(&tree)
	return header + string(text), err
}

// Takes out what is absent in the Go value: null, and what has nothing but null in it.
func prune(node *yaml.Node) bool {
	switch node.Kind {
	case yaml.MappingNode:
		var kept []*yaml.Node
		for i := 0; i < len(node.Content); i += 2 {
			key := node.Content[i].Value
			header := key == "variant" || key == "version"
			if !prune(node.Content[i+1]) && !header {
				kept = append(kept, node.Content[i], node.Content[i+1])
			}
		}
		node.Content = kept
		return len(kept) == 0
	case yaml.SequenceNode:
		for _, item := range node.Content {
			prune(item)
		}
		return len(node.Content) == 0
	default:
		return node.Tag == "!!null"
	}
}

// Value of an unexported field; nil if there is none.
func field(test any, name string) any {
	value := reflect.New(reflect.TypeOf(test)).Elem()
	value.Set(reflect.ValueOf(test))
	found := value.FieldByName(name)
	if !found.IsValid() {
		return nil
	}
	return reflect.NewAt(found.Type(), unsafe.Pointer(found.UnsafeAddr())).Elem().Interface()
}

func folderOf(test any, filesDir string) string {
	if folder, ok := field(test, "fileDir").(string); ok {
		return folder
	}
	options := reflect.ValueOf(field(test, "options"))
	if options.Kind() == reflect.Pointer {
		if !options.IsNil() {
			return options.Elem().FieldByName("FilesDir").String()
		}
		return filesDir
	}
	if options.IsValid() {
		return options.FieldByName("FilesDir").String()
	}
	return filesDir
}

func copyFolder(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		return copyEntry(path, filepath.Join(to, relative), info.Mode())
	})
}

func copyEntry(from, to string, mode fs.FileMode) error {
	switch mode.Type() {
	case fs.ModeDir:
		return os.MkdirAll(to, 0o755)
	case fs.ModeSymlink:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	case fs.ModeSocket:
		return syscall.Mknod(to, syscall.S_IFSOCK|0o644, 0)
	default:
		text, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		return os.WriteFile(to, text, mode.Perm())
	}
}
