package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// compile builds the plugin.
func (r *release) compile(ctx context.Context, p platform, out string) error {
	return r.goBuild(ctx, p, "github.com/kubectl-sidecar/kubectl-sidecar/internal/cli.version", "./cmd/kubectl-sidecar", out)
}

// compileRun builds sidecar-run, which runs in containers of Linux only. It is made of nothing but the standard
// library, so it is a file of its own without a bill of materials.
func (r *release) compileRun(ctx context.Context, p platform, dist string) error {
	if p.os != "linux" {
		return nil
	}
	return r.goBuild(ctx, p, "main.version", "./cmd/sidecar-run", filepath.Join(dist, "sidecar-run_linux_"+p.arch))
}

// goBuild builds a program. What a user may have set for other builds has no say here.
func (r *release) goBuild(ctx context.Context, p platform, version, pkg, out string) error {
	return run(ctx, []string{
		"GOOS=" + p.os, "GOARCH=" + p.arch, "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off", "GOEXPERIMENT=", "GOAMD64=v1", "GOARM64=v8.0",
	}, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -X "+version+"="+r.version, "-o", out, pkg)
}

// biller builds the program that writes bills of materials, for this machine.
func biller(ctx context.Context, out string) error {
	return run(ctx, []string{"GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0"},
		"go", "build", "-modfile=hack/release/sbom/go.mod", "-o", out, "github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod")
}

// bill writes the bill of materials: what the binary itself says it was built from. The platform is
// what the environment says, not what the binary does.
func bill(ctx context.Context, biller string, p platform, version, binary, out string) error {
	err := run(ctx, []string{"GOFLAGS=", "GOWORK=off", "GOOS=" + p.os, "GOARCH=" + p.arch},
		biller, "bin", "-json", "-std", "-noserial", "-notimestamp", "-disable-html-escape", "-version", version, "-output", out, binary)
	if err != nil {
		return err
	}
	return withoutToolSums(out)
}

// withoutToolSums takes the sums of the program that wrote the bill out of it: they are of a file that
// was built on this machine for this machine, and would be others elsewhere.
func withoutToolSums(name string) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var bill struct {
		Metadata struct {
			Tools []map[string]any `json:"tools"`
		} `json:"metadata"`
	}
	var whole map[string]any
	if err := errors.Join(json.Unmarshal(data, &bill), json.Unmarshal(data, &whole)); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	for _, tool := range bill.Metadata.Tools {
		delete(tool, "hashes")
	}
	metadata, ok := whole["metadata"].(map[string]any)
	if !ok || len(bill.Metadata.Tools) == 0 {
		return fmt.Errorf("%s does not say what wrote it", name)
	}
	metadata["tools"] = bill.Metadata.Tools
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(whole); err != nil {
		return err
	}
	return os.WriteFile(name, text.Bytes(), 0o644)
}

func run(ctx context.Context, env []string, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, &output)
	}
	return nil
}
