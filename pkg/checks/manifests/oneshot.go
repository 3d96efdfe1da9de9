package manifests

import (
	"path"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/pattern"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/roles"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

// oneShots are programs that do one thing and exit.
var oneShots = []string{
	"cp", "mv", "mkdir", "chown", "chmod", "touch", "ln", "rm", "tar", "unzip", "sed", "install", "rsync", "sysctl", "iptables", "echo", "printf", "date",
	"true", "curl", "wget", "flyway", "liquibase", "alembic", "migrate", "goose", "gsutil", "openssl", "keytool", "psql", "mysql", "nslookup", "update-ca-certificates",
}

var (
	// forever are words of scripts that do not come to an end.
	forever   = pattern.New(`\bwhile\b|\bfor\s*\(\(|\bwait\b|\btail\b|\binfinity\b|\bexec\b|(?:^|[^&>])&(?:[^&>]|$)|\bserve|\bwatch\b|--daemon|--follow`)
	migration = pattern.New(`(?:^|[\s/:])(?:db:migrate|migrate(?:\s+(?:up|deploy))?|migrations?\s+(?:up|run|apply))\s*$`)
	separator = pattern.New(`&&|\|\||[;\n|]`)
)

// oneShot reports whether a container exits on its own, as its command line says.
func (p *pod) oneShot(j *roles.Container) bool {
	switch {
	case j.Role == roles.OneShot || software.Exits(j.Container):
		return true
	case j.Software != nil || software.AnyStrong(software.Signs(withoutProbes(j.Container))):
		return false
	}
	line := strings.TrimSpace(software.CommandLine(j.Container))
	if line == "" || forever.MatchString(line) {
		return false
	}
	if migration.MatchString(line) {
		return true
	}
	parts := []string{line}
	if software.ViaShell(j.Container) {
		words := slices.Concat(j.Command, j.Args)
		parts = separator.Split(words[len(words)-1], -1)
	}
	for _, part := range parts {
		fields := strings.Fields(part)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") || fields[0] == "set" {
			continue
		}
		if !slices.Contains(oneShots, path.Base(fields[0])) {
			return false
		}
	}
	return true
}
