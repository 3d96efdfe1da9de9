// Package manual writes the reference of the command line: Markdown for docs/cli, and man pages for
// releases. Both come from the commands themselves and from nothing else: no date, no version.
package manual

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/cli"
)

// Markdown is the pages of docs/cli by file name: "kubectl_sidecar_doctor.md".
func Markdown() (map[string][]byte, error) {
	pages := map[string][]byte{}
	for _, cmd := range commands() {
		var page bytes.Buffer
		if err := doc.GenMarkdownCustom(cmd, &page, func(link string) string { return link }); err != nil {
			return nil, fmt.Errorf("write the page of %s: %w", cmd.CommandPath(), err)
		}
		pages[strings.ReplaceAll(cmd.CommandPath(), " ", "_")+".md"] = page.Bytes()
	}
	return pages, nil
}

// titleLine is the first line of a man page's text: title, section, date, source, manual.
var titleLine = regexp.MustCompile(`(?m)^(\.TH "[^"]*" "1") "[^"]*" "[^"]*" "[^"]*"$`)

// Man is the man pages by file name: "kubectl-sidecar-doctor.1".
func Man() (map[string][]byte, error) {
	pages := map[string][]byte{}
	for _, cmd := range commands() {
		var page bytes.Buffer
		if err := doc.GenMan(cmd, &doc.GenManHeader{}, &page); err != nil {
			return nil, fmt.Errorf("write the man page of %s: %w", cmd.CommandPath(), err)
		}
		name := strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".1"
		if !titleLine.Match(page.Bytes()) {
			return nil, fmt.Errorf("write the man page of %s: it has no title line", cmd.CommandPath())
		}
		// cobra always writes a month there, that of the build if not told otherwise.
		pages[name] = titleLine.ReplaceAll(page.Bytes(), []byte(`$1 "" "kubectl-sidecar" "kubectl sidecar"`))
	}
	return pages, nil
}

// commands is the root and everything below it that a user can see.
func commands() []*cobra.Command {
	root := cli.Command()
	root.DisableAutoGenTag = true
	root.InitDefaultHelpCmd()
	list := []*cobra.Command{root}
	for i := 0; i < len(list); i++ {
		list[i].DisableAutoGenTag = true
		if f := list[i].Flags().Lookup("cache-dir"); f != nil {
			f.DefValue = "$HOME/.kube/cache" // else it is the home of whoever writes the pages
		}
		for _, sub := range list[i].Commands() {
			if sub.IsAvailableCommand() {
				list = append(list, sub)
			}
		}
	}
	return list
}
