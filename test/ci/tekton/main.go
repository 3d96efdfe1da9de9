// Tekton reads a Task as Tekton's admission webhook does, strictly and with its defaults and its validation,
// and prints the commands of its steps as JSON, with parameters and workspaces filled in as for a TaskRun.
//
//	tekton TASK.yaml NAME=VALUE... WORKSPACE@PATH...
//
// A value of an array parameter is split at blanks.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	v1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	"github.com/tektoncd/pipeline/pkg/substitution"
	"sigs.k8s.io/yaml"
)

func main() {
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "tekton:", err)
		os.Exit(1)
	}
}

type step struct {
	Image         string
	Command, Args []string
}

func run(file string, values []string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var task v1.Task
	if err := yaml.UnmarshalStrict(data, &task); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	ctx := context.Background()
	task.SetDefaults(ctx)
	if err := task.Validate(ctx); err != nil {
		return fmt.Errorf("%s: %w", file, errors.New(err.Error()))
	}
	words, lists := filledIn(task.Spec, values)
	var steps []step
	for _, s := range task.Spec.Steps {
		out := step{Image: substitution.ApplyReplacements(s.Image, words)}
		for _, word := range s.Command {
			out.Command = append(out.Command, substitution.ApplyArrayReplacements(word, words, lists)...)
		}
		for _, word := range s.Args {
			out.Args = append(out.Args, substitution.ApplyArrayReplacements(word, words, lists)...)
		}
		steps = append(steps, out)
	}
	return json.NewEncoder(os.Stdout).Encode(steps)
}

// filledIn is what $(...) stands for: defaults first, then what was given.
func filledIn(spec v1.TaskSpec, values []string) (map[string]string, map[string][]string) {
	words, lists := map[string]string{}, map[string][]string{}
	for _, p := range spec.Params {
		switch {
		case p.Default == nil:
		case p.Type == v1.ParamTypeArray:
			lists["params."+p.Name] = p.Default.ArrayVal
		default:
			words["params."+p.Name] = p.Default.StringVal
		}
	}
	for _, value := range values {
		if name, path, ok := strings.Cut(value, "@"); ok && !strings.Contains(name, "=") {
			words["workspaces."+name+".path"] = path
			continue
		}
		name, text, _ := strings.Cut(value, "=")
		if _, ok := lists["params."+name]; ok {
			lists["params."+name] = strings.Fields(text)
			continue
		}
		words["params."+name] = text
	}
	return words, lists
}
