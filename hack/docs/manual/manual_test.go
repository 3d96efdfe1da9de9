package manual_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-sidecar/kubectl-sidecar/hack/docs/manual"
	"github.com/kubectl-sidecar/kubectl-sidecar/internal/cli"
)

// TestPagesAreCurrent: docs/cli is what the commands say of themselves, and nothing else.
func TestPagesAreCurrent(t *testing.T) {
	t.Setenv("HOME", t.TempDir()) // defaults must not tell whose machine this is
	pages, err := manual.Markdown()
	if err != nil {
		t.Fatal(err)
	}
	want, got := map[string]string{}, map[string]string{}
	for name, page := range pages {
		want[name] = string(page)
	}
	files, err := filepath.Glob("../../../docs/cli/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got[filepath.Base(file)] = string(text)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/cli is not what the commands say: make docs (-commands +docs/cli):\n%s", diff)
	}
}

// TestMan: there is a man page for every command, with each of its flags, and no date in it.
func TestMan(t *testing.T) {
	t.Setenv("HOME", "/home/of/somebody")
	t.Setenv("SOURCE_DATE_EPOCH", "0")
	pages, err := manual.Man()
	if err != nil {
		t.Fatal(err)
	}
	root := cli.Command()
	root.InitDefaultHelpCmd()
	left := len(pages)
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		left--
		name := strings.ReplaceAll(cmd.CommandPath(), " ", "-")
		page := string(pages[name+".1"])
		title := `.TH "` + strings.ToUpper(name) + `" "1" "" "kubectl-sidecar" "kubectl sidecar"` + "\n"
		if !strings.Contains(page, title) {
			t.Errorf("%s does not begin with %s", name, title)
		}
		if dated := regexp.MustCompile(`1970|/home/of`).FindString(page); dated != "" {
			t.Errorf("%s tells when or where it was written: %s", name, dated)
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden && !strings.Contains(page, `--`+f.Name) && !strings.Contains(page, `\-\-`+strings.ReplaceAll(f.Name, "-", `\-`)) {
				t.Errorf("%s does not have --%s", name, f.Name)
			}
		})
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() {
				visit(sub)
			}
		}
	}
	visit(root)
	if left != 0 {
		t.Errorf("%d pages more than commands", left)
	}
}
