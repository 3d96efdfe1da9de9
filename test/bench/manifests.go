//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/client-go/kubernetes"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/binaries"
)

// perFile is how many documents a file has, as `helm template` and `kustomize build` write them.
const perFile = 10

// manifests compares lint with programs that read manifests for other reasons, on the same files. kubeconform
// downloads its schemas; here it has those of an API server, in files.
func (b *bench) manifests(ctx context.Context) error {
	dir := filepath.Join(b.dir, "manifests")
	files, err := writeManifests(dir, b.sizes.manifests)
	if err != nil {
		return err
	}
	schemas := filepath.Join(b.dir, "schemas")
	if err := writeSchemas(ctx, schemas); err != nil {
		return err
	}
	score, err := binaries.Program(ctx, "test/bench/peers", "github.com/zegl/kube-score/cmd/kube-score")
	if err != nil {
		return err
	}
	conform, err := binaries.Program(ctx, "test/bench/peers", "github.com/yannh/kubeconform/cmd/kubeconform")
	if err != nil {
		return err
	}
	u, err := b.commands(ctx, b.sizes.repeat, "/nonexistent",
		[]string{b.plugin, "lint", "-f", dir, "-o", "json"},
		append([]string{"sh", "-c", `"$@" || [ $? -eq 1 ]`, "sh", score, "score", "-o", "ci"}, files...), // 1: it found something
		[]string{conform, "-schema-location", schemas + "/{{.ResourceKind}}{{.KindSuffix}}.json", "-summary", dir})
	if err != nil {
		return err
	}
	ours, faster, smaller := u[0], u[1], u[1]
	if u[2].Wall < faster.Wall {
		faster = u[2]
	}
	if u[2].MaxRSSKiB < smaller.MaxRSSKiB {
		smaller = u[2]
	}
	what := fmt.Sprintf("`lint` of %d manifests in %d files", b.sizes.manifests, len(files))
	for i, peer := range []string{"kube-score", "kubeconform"} {
		b.table.shown(what+"; "+peer, seconds(ours.Wall), seconds(u[i+1].Wall), number(ours.Wall.Seconds()/u[i+1].Wall.Seconds()))
	}
	b.table.atMost("the same; the faster of them: time", seconds(ours.Wall), seconds(faster.Wall), ours.Wall.Seconds()/faster.Wall.Seconds(), 0.5)
	b.table.atMost("the same; the smaller of them: memory", megabytes(ours.mb()), megabytes(smaller.mb()), ours.mb()/smaller.mb(), 1)
	return nil
}

// writeManifests writes n manifests of seven kinds, and returns the files.
func writeManifests(dir string, n int) ([]string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	var files []string
	for first := 0; first < n; first += perFile {
		var text strings.Builder
		for i := first; i < min(first+perFile, n); i++ {
			text.WriteString("---\n" + manifest(i))
		}
		file := filepath.Join(dir, fmt.Sprintf("%05d.yaml", first))
		if err := os.WriteFile(file, []byte(text.String()), 0o644); err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}

// podSpec is what a pod template says: an app with a proxy, whose place among the containers differs.
const podSpec = `spec:
  restartPolicy: %s
  containers:
  - name: app
    image: registry.example/shop/app:%d
    # where the proxy listens
    env:
    - {name: DB_HOST, value: 127.0.0.1}
    - {name: DB_PORT, value: "5432"}
    ports:
    - {name: http, containerPort: 8080}
    resources:
      requests: {cpu: 100m, memory: 64Mi}
  - name: proxy
    image: registry.example/shop/proxy:%d
    args: ["--listen=0.0.0.0:5432", "--upstream=db-%d:5432"]
    ports:
    - {name: db, containerPort: 5432}
    readinessProbe:
      tcpSocket: {port: 5432}
`

// manifest is number i of them; of seven, five have a pod template.
func manifest(i int) string {
	pod := func(restart string, indent int) string {
		text := "metadata:\n  labels: {app: shop}\n" + fmt.Sprintf(podSpec, restart, i%50, i%20, i)
		return strings.TrimRight(strings.ReplaceAll("\n"+text, "\n", "\n"+strings.Repeat(" ", indent)), " ")
	}
	head := func(version, kind string) string {
		return fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata:\n  name: shop-%05d\n  labels: {app: shop}\n", version, kind, i)
	}
	const selector = "  selector:\n    matchLabels: {app: shop}\n"
	switch i % 7 {
	case 0:
		return head("apps/v1", "Deployment") + "spec:\n" + selector + "  replicas: 2\n  template:" + pod("Always", 4)
	case 1:
		return head("apps/v1", "StatefulSet") + "spec:\n  serviceName: shop\n" + selector + "  template:" + pod("Always", 4)
	case 2:
		return head("apps/v1", "DaemonSet") + "spec:\n" + selector + "  template:" + pod("Always", 4)
	case 3:
		return head("batch/v1", "Job") + "spec:\n  backoffLimit: 2\n  template:" + pod("Never", 4)
	case 4:
		return head("batch/v1", "CronJob") + "spec:\n  schedule: \"@hourly\"\n  jobTemplate:\n    spec:\n      template:" + pod("Never", 8)
	case 5:
		return head("v1", "Service") + "spec:\n  selector: {app: shop}\n  ports:\n  - {name: http, port: 80, targetPort: http}\n"
	}
	return head("v1", "ConfigMap") + "data:\n  settings.yaml: |\n    listen: 8080\n    upstream: 127.0.0.1:5432\n"
}

// writeSchemas writes the API server's own description of its kinds as JSON schemas.
func writeSchemas(ctx context.Context, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	c, err := cluster.Start(ctx, cluster.Config{APIServers: []cluster.Component{{Version: "1.36"}}})
	if err != nil {
		return err
	}
	defer func() { _ = c.Stop() }()
	client, err := kubernetes.NewForConfig(c.Config())
	if err != nil {
		return err
	}
	raw, err := client.RESTClient().Get().AbsPath("/openapi/v2").SetHeader("Accept", "application/json").DoRaw(ctx)
	if err != nil {
		return err
	}
	var described struct {
		Definitions map[string]map[string]any `json:"definitions"`
	}
	if err := json.Unmarshal(raw, &described); err != nil {
		return err
	}
	all, err := json.Marshal(map[string]any{"definitions": described.Definitions})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "definitions.json"), all, 0o644); err != nil {
		return err
	}
	for name, definition := range described.Definitions {
		kinds, _ := definition["x-kubernetes-group-version-kind"].([]any)
		for _, each := range kinds {
			kind, _ := each.(map[string]any)
			file := schemaFile(fmt.Sprint(kind["group"]), fmt.Sprint(kind["version"]), fmt.Sprint(kind["kind"]))
			ref := fmt.Sprintf(`{"$ref": "definitions.json#/definitions/%s"}`, name)
			if err := os.WriteFile(filepath.Join(dir, file), []byte(ref), 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// schemaFile is where kubeconform looks for a kind: deployment-apps-v1.json, service-v1.json.
func schemaFile(group, version, kind string) string {
	name := strings.ToLower(kind)
	if group, _, _ = strings.Cut(group, "."); group != "" {
		name += "-" + group
	}
	return name + "-" + version + ".json"
}
