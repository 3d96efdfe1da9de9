# Somebody who gives the container a user.
sed -i 's/^\( *\)runAsNonRoot: true$/&\n\1runAsUser: 1000/' "$1"
