package print

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"regexp"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// fleetOpenReports has an object for each cluster, to be applied to the one where they are looked at. The context is in
// its name and its label, as far as names and labels can have it, and in full in an annotation.
func fleetOpenReports(w io.Writer, f *report.Fleet, o Options) error {
	for i, r := range f.Items {
		if i > 0 {
			if _, err := io.WriteString(w, "---\n"); err != nil {
				return err
			}
		}
		context := r.Cluster.Context
		err := writeOpenReport(w, r, func(object *openReport) {
			object.Metadata.Name = "kubectl-sidecar-" + f.Command + "-" + objectName(context, 63)
			object.Metadata.Labels[openPrefix+"cluster"] = objectName(context, 63)
			object.Metadata.Annotations[openPrefix+"context"] = context
		})
		if err != nil {
			return err
		}
	}
	return nil
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// objectName is text as the name of an object and the value of a label may have it, at most n letters. What had to be
// changed for that ends with a sum of the text, so two names never become one.
func objectName(text string, n int) string {
	name := strings.Trim(notInNames.ReplaceAllString(strings.ToLower(text), "-"), "-")
	if name == text && len(name) <= n && name != "" {
		return name
	}
	sum := sha256.Sum256([]byte(text))
	tail := hex.EncodeToString(sum[:4])
	if keep := n - len(tail) - 1; len(name) > keep {
		name = strings.TrimRight(name[:keep], "-")
	}
	return strings.TrimLeft(name+"-"+tail, "-")
}
