package facts

import (
	"fmt"

	yamlv3 "go.yaml.in/yaml/v3"
)

// A repeatedError is a key that a YAML mapping has twice, with the lines of the document.
type repeatedError struct {
	key           string
	first, second int
}

func (e *repeatedError) Error() string {
	return fmt.Sprintf("the key %q is in lines %d and %d", e.key, e.first, e.second)
}

// repeatedKey is the first key that a mapping of a YAML document has twice; nil if there is none, or if the document
// cannot be read.
func repeatedKey(text []byte) error {
	var root yamlv3.Node
	if yamlv3.Unmarshal(text, &root) != nil {
		return nil
	}
	if twice := repeatedIn(&root); twice != nil {
		return twice
	}
	return nil
}

// repeatedIn looks at a node and all below it. What an alias stands for is looked at where it is.
func repeatedIn(n *yamlv3.Node) *repeatedError {
	lines := map[string]int{}
	for i, child := range n.Content {
		if n.Kind == yamlv3.MappingNode && i%2 == 0 && child.Kind == yamlv3.ScalarNode && child.Tag != "!!merge" {
			if before, there := lines[child.Tag+child.Value]; there {
				return &repeatedError{child.Value, before, child.Line}
			}
			lines[child.Tag+child.Value] = child.Line
		}
		if twice := repeatedIn(child); twice != nil {
			return twice
		}
	}
	return nil
}
